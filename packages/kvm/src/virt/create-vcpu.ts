/**
 * @area lifetime
 *
 * KVM_CREATE_VCPU, in the order of 6.1.
 */
import { at, type Task } from '@faultline/machine';
import { EEXIST, EINVAL, EIO, ENOMEM } from '../errno.ts';
import { kmallocFails } from '../host/kmalloc.ts';
import { createLapic } from '../x86/lapic-state.ts';
import { GuestMmu } from '../x86/shadow/shadow-mmu.ts';
import { initVcpuXen } from '../x86/xen-init.ts';
import { allocDirtyRing } from './dirty-ring-state.ts';
import { KVM_MAX_VCPU_IDS, type Kvm, Vcpu } from './kvm.ts';

/** Returns the vCPU, or a negative errno. @kernel kvm_vm_ioctl_create_vcpu virt/kvm/kvm_main.c */
export function* createVcpu(kvm: Kvm, id: number, mm = kvm.mm): Task<Vcpu | number> {
  if (mm !== kvm.mm || (yield* kvm.vmDead.readOnce()) !== 0) return -EIO;
  if (id < 0 || id >= KVM_MAX_VCPU_IDS) return -EINVAL;
  yield* kvm.lock.lock();
  if (kvm.createdVcpus >= kvm.maxVcpus || !precreateVcpu(kvm, id)) {
    yield* kvm.lock.unlock();
    return -EINVAL;
  }
  kvm.createdVcpus++;
  yield* kvm.lock.unlock();

  const result = (yield* kmallocFails(kvm, 'vcpu')) ? -ENOMEM : yield* publishVcpu(kvm, id);
  if (typeof result === 'number') {
    yield* kvm.lock.lock();
    kvm.createdVcpus--;
    yield* kvm.lock.unlock();
  }
  return result;
}

/** Under kvm->lock: the first vCPU decides which ids there may be, if nobody has. @kernel kvm_arch_vcpu_precreate arch/x86/kvm/x86.c */
function precreateVcpu(kvm: Kvm, id: number): boolean {
  if (kvm.maxVcpuIds === 0) kvm.maxVcpuIds = KVM_MAX_VCPU_IDS;
  return id < kvm.maxVcpuIds;
}

/** The vCPU at an index below online_vcpus. @kernel kvm_get_vcpu include/linux/kvm_host.h */
export function* getVcpu(kvm: Kvm, index: number): Task<Vcpu | null> {
  const online = yield* kvm.onlineVcpus.loadAcquire();
  return index < online ? yield* kvm.vcpus.at(index).readOnce() : null;
}

/** Whoever sees online_vcpus count it finds it in the array: the store goes first. */
export function* publishVcpu(kvm: Kvm, id: number): Task<Vcpu | number> {
  const vcpu = allocVcpu(kvm, id);
  place_vcpu_alone: yield* kvm.lock.lock();
  const index = yield* kvm.onlineVcpus.readOnce();
  for (let i = 0; i < index; i++) {
    const other = (yield* kvm.vcpus.at(i).readOnce()) as Vcpu;
    if (other.vcpuId !== id) continue;
    place_vcpu_alone: yield* kvm.lock.unlock();
    Vcpu.free(vcpu);
    return -EEXIST;
  }
  yield* kvm.vcpus.at(index).writeOnce(vcpu);
  yield* kvm.onlineVcpus.storeRelease(index + 1, at('lifetime.publish_vcpu'));
  place_vcpu_alone: yield* kvm.lock.unlock();
  return vcpu;
}

/** A vCPU that nobody sees yet. */
export function allocVcpu(kvm: Kvm, id: number): Vcpu {
  const vcpu = Vcpu.alloc();
  vcpu.kvm = kvm;
  vcpu.vcpuId = id;
  vcpu.lastUsedSlotGen = -1 >>> 0;
  if (kvm.shadowMmu !== null) vcpu.guestMmu = GuestMmu.alloc();
  if (kvm.dirtyRingSize > 0) {
    vcpu.dirtyRing = allocDirtyRing(kvm.dirtyRingSize, kvm.config.dirtyRingReserved);
  }
  if (kvm.arch !== null) vcpu.apic = createLapic();
  if (kvm.xen !== null) initVcpuXen(vcpu);
  return vcpu;
}
