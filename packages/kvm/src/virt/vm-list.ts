/**
 * @area locks
 *
 * What all VMs of a host share: their list, how many need the CPUs enabled for them, and the lock that keeps CPUs from
 * coming and going. Who stands on the list may be locked below kvm_lock; enabling runs inside the hotplug lock. So one
 * lock for both would tie the hotplug lock to everything that a VM's locks wait for, and both have one of their own.
 */
import {
  fairRwlock,
  guardedBy,
  kernelName,
  type Mutex,
  mutex,
  ptr,
  type RwLock,
  type StructType,
  struct,
  type Task,
  u32Field,
  type View,
} from '@faultline/machine';
import { zapAll } from '../x86/zap.ts';
import { Kvm } from './kvm.ts';

export interface VmLink extends View {
  kvm: Kvm | null;
  next: VmLink | null;
}

export const VmLink: StructType<VmLink> = struct(
  'vm_list_entry',
  {
    kvm: guardedBy(
      ptr((): StructType<Kvm> => Kvm),
      'host->kvm_lock',
      'init',
    ),
    next: guardedBy(
      ptr((): StructType<VmLink> => VmLink),
      'host->kvm_lock',
      'init',
    ),
  },
  { as: 'entry' },
);

/** Globals of the kernel. */
export interface KvmModule extends View {
  /** percpu_rw_semaphore: a writer that queues stops new readers. */
  readonly cpuHotplugLock: RwLock;
  readonly kvmLock: Mutex;
  /** Since 44d174596260; kvm_lock before. */
  readonly kvmUsageLock: Mutex;
  usageCount: number;
  vmList: VmLink | null;
}

export const KvmModule: StructType<KvmModule> = struct(
  'kvm_module',
  {
    cpuHotplugLock: fairRwlock,
    kvmLock: mutex,
    kvmUsageLock: mutex,
    usageCount: guardedBy(kernelName('kvm_usage_count', u32Field), 'host->kvm_usage_lock', 'host->kvm_lock'),
    vmList: guardedBy(
      ptr((): StructType<VmLink> => VmLink),
      'host->kvm_lock',
    ),
  },
  { as: 'host' },
);

/** The lock of the usage count. @kernel kvm_usage_lock virt/kvm/kvm_main.c */
export function usageLockOf(host: KvmModule): Mutex {
  return host.kvmUsageLock;
}

/** A VM is made: CPUs are enabled for it if it is the first. @kernel hardware_enable_all virt/kvm/kvm_main.c */
export function* hardwareEnableAll(host: KvmModule): Task {
  yield* host.cpuHotplugLock.readLock();
  yield* usageLockOf(host).lock();
  host.usageCount++;
  yield* usageLockOf(host).unlock();
  yield* host.cpuHotplugLock.readUnlock();
}

/** A CPU comes up: returns whether it has to be enabled. @kernel kvm_online_cpu virt/kvm/kvm_main.c */
export function* cpuOnline(host: KvmModule): Task<boolean> {
  yield* host.cpuHotplugLock.writeLock();
  yield* usageLockOf(host).lock();
  const used = host.usageCount > 0;
  yield* usageLockOf(host).unlock();
  yield* host.cpuHotplugLock.writeUnlock();
  return used;
}

/** @kernel kvm_create_vm virt/kvm/kvm_main.c */
export function* vmListAdd(host: KvmModule, kvm: Kvm): Task {
  const entry = VmLink.alloc();
  entry.kvm = kvm;
  add_vm_holds_kvm_lock: yield* host.kvmLock.lock();
  entry.next = host.vmList;
  host.vmList = entry;
  add_vm_holds_kvm_lock: yield* host.kvmLock.unlock();
}

/** @kernel kvm_destroy_vm virt/kvm/kvm_main.c */
export function* vmListRemove(host: KvmModule, kvm: Kvm): Task {
  remove_vm_holds_kvm_lock: yield* host.kvmLock.lock();
  let entry = host.vmList;
  if (entry?.kvm === kvm) host.vmList = entry.next;
  else {
    for (let e = entry; e !== null; e = e.next) {
      if (e.next?.kvm !== kvm) continue;
      entry = e.next;
      e.next = entry.next;
      break;
    }
  }
  remove_vm_holds_kvm_lock: yield* host.kvmLock.unlock();
  if (entry !== null) VmLink.free(entry);
}

/** A parameter of the module changes: every VM drops its translations. Returns how many. @kernel set_nx_huge_pages arch/x86/kvm/mmu/mmu.c */
export function* setNxHugePages(host: KvmModule): Task<number> {
  let count = 0;
  yield* host.kvmLock.lock();
  for (let entry = host.vmList; entry !== null; entry = entry.next) {
    const kvm = entry.kvm as Kvm;
    yield* kvm.slotsLock.lock();
    yield* zapAll(kvm);
    yield* kvm.slotsLock.unlock();
    count++;
  }
  yield* host.kvmLock.unlock();
  return count;
}

/** Code is patched, so no CPU may come up meanwhile: a vCPU does this inside kvm->srcu. @kernel static_key_slow_inc kernel/jump_label.c */
export function* staticKeySlowInc(host: KvmModule): Task {
  yield* host.cpuHotplugLock.readLock();
  yield* host.cpuHotplugLock.readUnlock();
}
