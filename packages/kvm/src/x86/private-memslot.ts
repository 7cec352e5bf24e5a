/**
 * @area locks
 *
 * A slot that KVM itself makes or drops, from a vCPU's thread: memory behind the guest's back, such as the APIC page. The
 * vCPU is inside kvm->srcu with its mutex held; it leaves the section before it asks for slots_lock, whose holder waits
 * for sections.
 */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { setMemoryRegion, type UserspaceMemoryRegion } from '../virt/memory-region.ts';

/**
 * `idx` is that of the section, of which there is none on the way; returns the index of the section on return.
 *
 * @kernel kvm_inhibit_apic_access_page arch/x86/kvm/lapic.c
 */
export function* vcpuSetPrivateMemslot(vcpu: Vcpu, mem: UserspaceMemoryRegion, idx: number): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  yield* kvm.srcu.readUnlock(idx);
  yield* kvm.slotsLock.lock();
  yield* setMemoryRegion(kvm, mem);
  yield* kvm.slotsLock.unlock();
  return yield* kvm.srcu.readLock();
}
