import {
  createTscVm,
  guestTscNow,
  type HostClock,
  leap,
  synchronizeTsc,
  type TscOptions,
  type VcpuTsc,
  type VmTsc,
} from '@faultline/kvm/seams';
import { type Claim, scenario, type Task } from '@faultline/machine';

interface Clocks {
  readonly vm: VmTsc;
  readonly host: HostClock;
  readonly a: VcpuTsc;
  readonly b: VcpuTsc;
}

function* clocks(options: TscOptions = {}): Task<Clocks> {
  const vm = yield* createTscVm(options);
  return { vm, host: vm.host as HostClock, a: vm.vcpus.get(0) as VcpuTsc, b: vm.vcpus.get(1) as VcpuTsc };
}

/** What decides that guests may read one clock on all vCPUs. */
function declaredMatched(vm: VmTsc): boolean {
  return vm.nrVcpusMatchedTsc.peek() + 1 === (vm.kvm?.onlineVcpus.peek() ?? 0);
}

/** Where it is decided so, the counters show the same. */
const ONE_CLOCK = 'counters that count as matched show the same';
function oneClock({ vm, a, b }: Clocks): boolean {
  return !declaredMatched(vm) || guestTscNow(a) === guestTscNow(b);
}

interface Case {
  readonly title: string;
  readonly size: string;
  readonly vm?: TscOptions;
  /** What is written to the counters of the two vCPUs; 0 as when they are created. */
  readonly values: readonly [number, number];
  readonly defends: readonly string[];
  readonly claims?: readonly Claim[];
}

/** The counters of two vCPUs are written at the same time, while time goes by. */
function bothWritten(name: string, { vm = {}, values, ...more }: Case) {
  return scenario(name, {
    source: 'kvm_synchronize_tsc',
    ...more,
    *setup() {
      return yield* clocks(vm);
    },
    threads: {
      *vcpu0({ a }: Clocks) {
        yield* synchronizeTsc(a, values[0]);
      },
      *vcpu1({ b }: Clocks) {
        yield* synchronizeTsc(b, values[1]);
      },
      *time({ host }: Clocks) {
        yield* leap(host, 3);
      },
    },
    always: { [ONE_CLOCK]: (_, state) => oneClock(state) },
    sometimes: { 'they count as matched': (_, { vm: kvm }) => declaredMatched(kvm) },
  });
}

export const createdTogether = bothWritten('tsc/offsets-differ-though-matched', {
  title: 'two vCPUs are created at once: their counters differ and count as matched',
  size: '2 vCPUs, 1 write each, 1 leap of the clock',
  values: [0, 0],
  defends: ['tsc.lock_tsc_writes', 'tsc.unlock_tsc_writes'],
  claims: [
    {
      seed: '000.45',
      says: 'tsc_write_lock protects the last write, its time and its offset',
      verdict: 'holds',
    },
  ],
});

export const writtenTogether = bothWritten('tsc/offsets-differ-after-user-writes', {
  title: 'user space writes one value to both counters: they differ and count as matched',
  size: '2 vCPUs, 1 write each of 40, 1 leap of the clock, as in 6.1',
  vm: { knowsUserSet: false },
  values: [40, 40],
  defends: ['tsc.lock_tsc_writes', 'tsc.unlock_tsc_writes'],
});

export const unstableWritten = bothWritten('tsc/preempted-between-two-clocks', {
  title: 'a task is preempted between its reads of two clocks, and a counter is off by that for ever',
  size: '2 vCPUs, 1 write each of 40, 1 leap of the clock, host counter not stable',
  vm: { knowsUserSet: false, hostTscStable: false },
  values: [40, 40],
  defends: ['tsc.stay_unpreempted', 'tsc.end_unpreempted'],
  claims: [
    {
      seed: '000.46',
      says: 'updating the offsets must not be preempted, which is why the lock is raw',
      verdict: 'holds',
    },
  ],
});

/** One vCPU's counter was written long ago. The other's is written twice, and counts once. */
export const countedTwice = scenario('tsc/vcpu-counted-twice', {
  title: 'one vCPU that is written twice counts for two',
  source: '__kvm_synchronize_tsc',
  size: '2 vCPUs, 1 and 3 writes, 1 leap of the clock',
  defends: ['tsc.count_each_once', 'tsc.start_from_none'],
  *setup() {
    const state = yield* clocks({ knowsUserSet: false });
    yield* synchronizeTsc(state.b, 0);
    yield* synchronizeTsc(state.a, 0);
    return state;
  },
  threads: {
    *vcpu0({ a }: Clocks) {
      yield* synchronizeTsc(a, 400);
      yield* synchronizeTsc(a, 401);
    },
    *time({ host }: Clocks) {
      yield* leap(host, 3);
    },
  },
  always: {
    [ONE_CLOCK]: (_, state) => oneClock(state),
    'a counter shows what was written, and the time since': (_, { a }) =>
      guestTscNow(a) >= 400 && guestTscNow(a) <= 401 + 3,
  },
  sometimes: { 'a new generation begins': (_, { vm }) => vm.curTscGeneration.peek() === 2 },
});
