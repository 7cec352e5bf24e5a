import type { Kvm } from '@faultline/kvm';
import {
  createTscVm,
  getClock,
  guestComparesClock,
  guestLooksAtClock,
  type HostClock,
  leap,
  requestClockUpdates,
  synchronizeTsc,
  updateMasterclock,
  type VcpuTsc,
  type VmTsc,
} from '@faultline/kvm/seams';
import { type Cell, cell53, scenario, struct, type Task, type ViewType } from '@faultline/machine';

/** What the guest keeps in its memory: the latest time that any of its vCPUs has read. */
const GuestMemory = struct('guest_memory', { lastTime: cell53 }, { as: 'guest' });

interface Clocks {
  readonly vm: VmTsc;
  readonly host: HostClock;
  readonly a: VcpuTsc;
  readonly b: VcpuTsc;
  readonly guest: ViewType<typeof GuestMemory>;
}

/** Two vCPUs with one clock from a snapshot at 100; since then the counter went on by 30 and the kernel's clock by 40. */
function* clocks(): Task<Clocks> {
  const vm = yield* createTscVm();
  const host = vm.host as HostClock;
  const a = vm.vcpus.get(0) as VcpuTsc;
  const b = vm.vcpus.get(1) as VcpuTsc;
  yield* synchronizeTsc(a, 0);
  yield* synchronizeTsc(b, 0);
  yield* updateMasterclock(vm);
  yield* guestLooksAtClock(a);
  yield* guestLooksAtClock(b);
  yield* leap(host, 30, 40);
  return { vm, host, a, b, guest: GuestMemory.alloc() };
}

const OLD = 130;
const NEW = 140;

/** The guest looks what was read last, then at its clock; true if that is behind. */
function* behind(vcpu: VcpuTsc, lastTime: Cell<number>): Task<boolean> {
  const last = yield* lastTime.readOnce();
  const now = yield* guestLooksAtClock(vcpu);
  yield* lastTime.writeOnce(now);
  return now < last;
}

/** The master clock is replaced, by one that is ahead of what the old one has come to, while both vCPUs read it. */
export const clockGoesBack = scenario('tsc/clock-goes-back', {
  title: 'one vCPU reads the new clock, and another one after it still the old one',
  source: 'kvm_update_masterclock',
  size: '2 vCPUs, 1 look at the clock each, 1 update',
  defends: ['tsc.keep_vcpus_out'],
  *setup() {
    return yield* clocks();
  },
  threads: {
    *vcpu0({ a, guest }: Clocks) {
      return yield* behind(a, guest.lastTime);
    },
    *vcpu1({ b, guest }: Clocks) {
      return yield* behind(b, guest.lastTime);
    },
    *ioctl({ vm }: Clocks) {
      yield* updateMasterclock(vm);
    },
  },
  always: {
    'time does not go back from one vCPU to another': ({ results }) =>
      results.vcpu0 === false && results.vcpu1 === false,
  },
  sometimes: {
    'one reads the old clock, one the new': (_, { guest, a, b }) =>
      guest.lastTime.peek() === NEW && (a.systemTime === 100 || b.systemTime === 100),
  },
});

/** User space asks for the guest's time while the clock is replaced: nothing keeps it out. */
export const tornSnapshot = scenario('tsc/torn-snapshot', {
  title: 'user space is told a time made of one half of the old clock and one of the new',
  source: 'pvclock_sc, __get_kvmclock',
  size: '2 vCPUs, 1 KVM_GET_CLOCK, 1 update',
  defends: ['tsc.mark_snapshot_changing'],
  *setup() {
    return yield* clocks();
  },
  threads: {
    *vmm({ vm }: Clocks) {
      return yield* getClock(vm);
    },
    *ioctl({ vm }: Clocks) {
      yield* updateMasterclock(vm);
    },
  },
  always: {
    'the time is that of the old clock or of the new': ({ results }) =>
      results.vmm === OLD || results.vmm === NEW,
  },
  sometimes: {
    'the old': ({ results }) => results.vmm === OLD,
    'the new': ({ results }) => results.vmm === NEW,
  },
});

/** A vCPU was told before to look at the clock, and does so while it is replaced. It cannot enter with what it has read. */
export const tornSnapshotInGuest = scenario('tsc/torn-snapshot-in-a-guest', {
  title: 'a guest computes time from one half of the old clock and one of the new',
  source: 'kvm_guest_time_update',
  size: '1 of 2 vCPUs looks at the clock, 1 request from before, 1 update',
  *setup() {
    const state = yield* clocks();
    yield* requestClockUpdates(state.vm.kvm as Kvm);
    return state;
  },
  threads: {
    *vcpu0({ a }: Clocks) {
      return yield* guestLooksAtClock(a);
    },
    *ioctl({ vm }: Clocks) {
      yield* updateMasterclock(vm);
    },
  },
  always: {
    'the guest reads the old clock or the new': ({ results }) =>
      results.vcpu0 === OLD || results.vcpu0 === NEW,
  },
  sometimes: {
    'the old': ({ results }) => results.vcpu0 === OLD,
    'the new': ({ results }) => results.vcpu0 === NEW,
  },
});

/** Two ioctls replace the clock at once while user space asks for the time: the count of changes is kept by one at a time. */
export const twoUpdates = scenario('tsc/torn-snapshot-of-two-updates', {
  title: 'two threads replace the clock at once, and one of them says that it is whole when it is not',
  source: 'tsc_write_lock, pvclock_sc',
  size: '1 KVM_GET_CLOCK, 2 updates',
  deep: true,
  *setup() {
    return yield* clocks();
  },
  threads: {
    *vmm({ vm }: Clocks) {
      return yield* getClock(vm);
    },
    *one({ vm }: Clocks) {
      yield* updateMasterclock(vm);
    },
    *other({ vm }: Clocks) {
      yield* updateMasterclock(vm);
    },
  },
  always: {
    'the time is that of the old clock or of the new': ({ results }) =>
      results.vmm === OLD || results.vmm === NEW,
  },
  sometimes: {
    'the old': ({ results }) => results.vmm === OLD,
    'the new': ({ results }) => results.vmm === NEW,
  },
});

/**
 * The same where each guest looks at what was read last once it is inside. A vCPU says that it is in its guest, then looks for
 * requests; whoever replaces the clock asks, then looks who is inside: one of the two sees the other.
 */
export const clockGoesBackInside = scenario('tsc/clock-goes-back-inside', {
  title:
    'a guest is entered as the clock is replaced, unseen, and reads the old clock after the new one was read',
  source: 'vcpu_enter_guest, kvm_make_all_cpus_request',
  size: '2 vCPUs, 1 look at the clock each, 1 of them after the update, 1 update',
  defends: ['tsc.order_mode_before_clock_requests'],
  *setup() {
    return yield* clocks();
  },
  threads: {
    *vcpu0({ a, guest }: Clocks) {
      return yield* guestComparesClock(a, guest.lastTime);
    },
    *vcpu1({ vm, b, guest }: Clocks) {
      yield* updateMasterclock(vm);
      return yield* guestComparesClock(b, guest.lastTime);
    },
  },
  always: {
    'time does not go back from one vCPU to another': ({ results }) =>
      results.vcpu0 === false && results.vcpu1 === false,
  },
  sometimes: {
    'the old clock is read first': (_, { a }) => a.systemTime === 100,
  },
});
