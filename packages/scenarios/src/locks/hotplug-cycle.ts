import { createVm, type Kvm, setUserMemoryRegion } from '@faultline/kvm';
import {
  cpuOnline,
  hardwareEnableAll,
  KvmModule,
  setNxHugePages,
  staticKeySlowInc,
  vmListAdd,
  vmListRemove,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { region } from '../vm/small-vm.ts';

interface Host {
  readonly host: KvmModule;
  readonly kvm: Kvm;
}

function* hostWithVm(): Task<Host> {
  const host = KvmModule.alloc();
  const kvm = yield* createVm({ tableEntries: 1 });
  yield* hardwareEnableAll(host);
  yield* vmListAdd(host, kvm);
  return { host, kvm };
}

/** A vCPU patches code while it handles an exit: as kvm_lapic_set_base() does. */
function* patchInsideSection({ host, kvm }: Host): Task {
  const idx = yield* kvm.srcu.readLock();
  yield* staticKeySlowInc(host);
  yield* kvm.srcu.readUnlock(idx);
}

/**
 * Linux 44d174596260 ("KVM: Use dedicated mutex to protect kvm_usage_count to avoid deadlock").
 *
 * Four threads, four things to wait for, and no two of them taken in both orders by anybody: a CPU comes up inside the
 * hotplug lock; a parameter of the module walks the VMs with kvm_lock held and takes each one's slots_lock; an update of
 * slots waits for read sections with slots_lock held; a vCPU inside such a section needs the hotplug lock. With a lock of
 * its own for the usage count the first does not wait for the second.
 */
export const hotplugCycle = scenario('locks/hotplug-cycle', {
  title: 'a CPU that comes up, a module parameter, a slot update and a vCPU wait for each other in a ring',
  source: '44d174596260',
  // That commit took the lock of the count inside the hotplug lock; it was turned round later.
  ordersOfOtherKernels: ['order kvm_usage_lock > cpus_read_lock()'],
  size: '1 CPU coming up, 1 parameter, 1 KVM_SET_USER_MEMORY_REGION, 1 vCPU',
  *setup() {
    return yield* hostWithVm();
  },
  threads: {
    *hotplug({ host }: Host) {
      return yield* cpuOnline(host);
    },
    *parameter({ host }: Host) {
      return yield* setNxHugePages(host);
    },
    *vmm({ kvm }: Host) {
      return yield* setUserMemoryRegion(kvm, region(0, 1));
    },
    *vcpu0(vm: Host) {
      yield* patchInsideSection(vm);
    },
  },
  always: {
    'all four go on': never('deadlock'),
  },
  sometimes: {
    'the CPU is enabled, and the parameter reaches the VM': ({ results }) =>
      results.hotplug && results.parameter === 1,
  },
});

/**
 * The same with a VM that is created, which only reads the hotplug lock, as the vCPU does. Two readers would not be in
 * each other's way, but a CPU that comes up has queued for writing between them.
 */
export const hotplugCycleOfReaders = scenario('locks/hotplug-cycle-of-readers', {
  title: 'of two readers of the hotplug lock one waits behind a writer that waits for the other',
  source: '44d174596260',
  // That commit took the lock of the count inside the hotplug lock; it was turned round later.
  ordersOfOtherKernels: ['order kvm_usage_lock > cpus_read_lock()'],
  size: '1 VM created, 1 CPU coming up, 1 parameter, 1 KVM_SET_USER_MEMORY_REGION, 1 vCPU',
  *setup() {
    return yield* hostWithVm();
  },
  threads: {
    *creator({ host }: Host) {
      yield* hardwareEnableAll(host);
    },
    *hotplug({ host }: Host) {
      return yield* cpuOnline(host);
    },
    *parameter({ host }: Host) {
      return yield* setNxHugePages(host);
    },
    *vmm({ kvm }: Host) {
      return yield* setUserMemoryRegion(kvm, region(0, 1));
    },
    *vcpu0(vm: Host) {
      yield* patchInsideSection(vm);
    },
  },
  always: {
    'all five go on': never('deadlock'),
  },
  sometimes: {
    'the parameter reaches the VM': ({ results }) => results.parameter === 1,
  },
});

interface TwoVms extends Host {
  readonly other: Kvm;
}

/** VMs come and go while a parameter is written that concerns all of them: the list is kvm_lock's. */
export const vmListWalked = scenario('locks/vm-list-walked-as-a-vm-goes', {
  title: 'the list of VMs is walked while one of them is destroyed and another created',
  source: 'locking.rst, kvm_lock',
  claims: [
    {
      seed: '000.42',
      says: 'whoever walks the list, adds to it or takes from it holds kvm_lock',
      verdict: 'holds',
    },
  ],
  size: '2 VMs, 1 parameter, 1 VM created, 1 destroyed',
  defends: ['locks.add_vm_holds_kvm_lock', 'locks.remove_vm_holds_kvm_lock'],
  *setup() {
    const vm = yield* hostWithVm();
    return { ...vm, other: yield* createVm({ tableEntries: 1 }) };
  },
  threads: {
    *parameter({ host }: TwoVms) {
      return yield* setNxHugePages(host);
    },
    *destroy({ host, kvm }: TwoVms) {
      yield* vmListRemove(host, kvm);
    },
    *create({ host, other }: TwoVms) {
      yield* vmListAdd(host, other);
    },
  },
  always: {
    'who changes the list holds kvm_lock': never('wrong guard'),
  },
  sometimes: {
    'the parameter finds none': ({ results }) => results.parameter === 0,
    'it finds both': ({ results }) => results.parameter === 2,
  },
});
