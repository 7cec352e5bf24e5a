import {
  createVcpu,
  type Eventfd,
  ioctlIoeventfd,
  type Kvm,
  openEventfd,
  setUserMemoryRegion,
  type Vcpu,
} from '@faultline/kvm';
import { acceptIrq, guestRead, vcpuSetPrivateMemslot } from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { exitWrite } from '../io/bus-vm.ts';
import { GPA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { deletion, region, type SmallVm, smallVm } from '../vm/small-vm.ts';
import { addDevice } from '../xen/xen-callers.ts';

interface WithDoorbell {
  readonly kvm: Kvm;
  readonly eventfd: Eventfd;
}

const DOORBELL = 0x1000;

/**
 * locking.rst, section 1, "For SRCU".
 *
 * An exit calls a device inside a read section of kvm->srcu; KVM_SET_USER_MEMORY_REGION waits for such sections with
 * slots_lock held. So no device may take slots_lock, whatever the comment above the bus functions says.
 */
export const deviceWaitsForSlotsLock = scenario('locks/device-waits-for-slots-lock', {
  title: 'a device on a bus takes slots_lock, whose holder waits for the exit that called it',
  source: 'locking.rst, ioeventfd_write',
  size: '1 access to an ioeventfd, 1 KVM_SET_USER_MEMORY_REGION',
  *setup() {
    const vm = yield* smallVm({ tableEntries: 2 });
    const eventfd = openEventfd();
    const args = { datamatch: 0n, addr: BigInt(DOORBELL), len: 8, fd: eventfd.addr, flags: 0 };
    yield* ioctlIoeventfd(vm.kvm, args);
    return { kvm: vm.kvm, eventfd };
  },
  threads: {
    *vcpu0({ kvm }: WithDoorbell) {
      return yield* exitWrite(kvm, DOORBELL, 1n);
    },
    *vmm({ kvm }: WithDoorbell) {
      return yield* setUserMemoryRegion(kvm, region(0, 1));
    },
  },
  always: {
    'the exit and the ioctl both return': never('deadlock'),
  },
  sometimes: {
    'the slot is there and the doorbell rings': ({ results }, { eventfd }) =>
      results.vmm === 0 && results.vcpu0 === 0 && eventfd.count.peek() === 1,
  },
});

/** A page fault finds its slot inside kvm->srcu. Under slots_lock it would find it as well, and wait for who waits for it. */
export const faultWaitsForSlotsLock = scenario('locks/fault-waits-for-slots-lock', {
  title: 'a page fault takes slots_lock to find its slot, and its holder waits for the fault',
  source: 'locking.rst, kvm_mmu_faultin_pfn',
  claims: [
    {
      seed: '000.11',
      says: 'who takes slots_lock inside a section meets an update of the slots that waits for the section',
      verdict: 'holds',
    },
  ],
  size: '1 read fault, 1 KVM_SET_USER_MEMORY_REGION that adds a slot',
  *setup() {
    const vm = yield* mmuVm({ pages: 2, frames: 2 });
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      return (yield* guestRead(vcpu, GPA0)).via;
    },
    *vmm({ kvm }: MmuVm) {
      return yield* setUserMemoryRegion(kvm, region(1, 1, { slot: 1 }));
    },
  },
  always: {
    'the fault and the ioctl both end': never('deadlock'),
  },
  sometimes: {
    'the access reaches memory': ({ results }) => results.vcpu0 === 'RAM',
  },
});

/** Private slots come after those of user space. */
const PRIVATE = 4;

interface TwoVcpus extends SmallVm {
  readonly other: Vcpu;
}

function* twoVcpus(): Task<TwoVcpus> {
  const vm = yield* smallVm({ tableEntries: 2 });
  const other = (yield* createVcpu(vm.kvm, 1)) as Vcpu;
  return { ...vm, other };
}

/** Inside KVM_RUN the vCPU adds a slot of KVM's own: it leaves its section before, and comes back after. */
function* addPrivateSlot(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  yield* vcpu.mutex.lock();
  const idx = yield* kvm.srcu.readLock();
  const again = yield* vcpuSetPrivateMemslot(vcpu, region(1, 1, { slot: PRIVATE }), idx);
  yield* kvm.srcu.readUnlock(again);
  yield* vcpu.mutex.unlock();
}

/**
 * vcpu->mutex may be held while slots_lock is taken and readers are waited for. Then nobody may take a vCPU's mutex inside
 * a section, as a vCPU might that interrupts another; nor may the vCPU itself stay in its section.
 */
export const sectionWaitsForVcpuMutex = scenario('locks/section-waits-for-vcpu-mutex', {
  title: 'a vCPU inside a section takes the mutex of another, which waits for sections',
  source: 'locking.rst, kvm_inhibit_apic_access_page',
  claims: [
    {
      seed: '000.10',
      says: 'all three are held across synchronize_srcu(): slots_lock by every update, vcpu->mutex by a vCPU that changes a slot, kvm->lock by an ioctl that adds a device',
      verdict: 'holds',
    },
  ],
  size: '2 vCPUs, 1 interrupt sent inside KVM_RUN, 1 private slot',
  *setup() {
    return yield* twoVcpus();
  },
  threads: {
    *vcpu0({ kvm, vcpu, other }: TwoVcpus) {
      yield* vcpu.mutex.lock();
      const idx = yield* kvm.srcu.readLock();
      yield* acceptIrq(other, 3);
      yield* kvm.srcu.readUnlock(idx);
      yield* vcpu.mutex.unlock();
    },
    *vcpu1({ other }: TwoVcpus) {
      yield* addPrivateSlot(other);
    },
    *vmm({ kvm }: TwoVcpus) {
      yield* addDevice(kvm);
    },
  },
  always: {
    'both vCPUs and the ioctl go on': never('deadlock'),
  },
  sometimes: {
    'the slot and the interrupt are there': (_, { kvm, other }) =>
      kvm.nrMemslotPages === 1 && other.events.peek() === 1 << 3,
  },
});

/**
 * KVM_CREATE_IRQCHIP holds kvm->lock and takes slots_lock for each device that it puts on a bus. An update of the slots
 * holds slots_lock; it may need nothing that kvm->lock protects.
 */
export const kvmLockInsideSlotsLock = scenario('locks/kvm-lock-inside-slots-lock', {
  title: 'one ioctl holds kvm->lock and wants slots_lock, another the other way round',
  source: 'locking.rst, kvm_ioapic_init',
  claims: [
    {
      seed: '000.6',
      says: 'slots_lock is taken inside kvm->lock when devices are added, so never the other way round',
      verdict: 'holds',
    },
  ],
  size: '1 ioctl that adds a device, 1 KVM_SET_USER_MEMORY_REGION',
  *setup() {
    return yield* smallVm({ tableEntries: 2 });
  },
  threads: {
    *irqchip({ kvm }: SmallVm) {
      yield* addDevice(kvm);
    },
    *vmm({ kvm }: SmallVm) {
      yield* setUserMemoryRegion(kvm, region(0, 1));
      return yield* setUserMemoryRegion(kvm, deletion());
    },
  },
  always: {
    'both ioctls return': never('deadlock'),
  },
  sometimes: {
    'the slot came and went': ({ results }) => results.vmm === 0,
  },
});
