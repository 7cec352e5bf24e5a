/**
 * @area tsc
 *
 * The host's two clocks: the time-stamp counter, and the kernel's clock in nanoseconds, which may be slewed against it.
 * A nanosecond is a cycle. Both only grow, and only by leaps: what goes by inside a section that cannot be preempted is
 * too little to matter, so a leap happens where nobody is in one.
 */
import {
  type Cell,
  cell53,
  type RwLock,
  rwlock,
  type StructType,
  struct,
  type Task,
  type View,
} from '@faultline/machine';

export interface HostClock extends View {
  readonly tsc: Cell<number>;
  readonly ns: Cell<number>;
  /** Held for reading: the task is not preempted. */
  readonly unpreempted: RwLock;
}

export const HostClock: StructType<HostClock> = struct(
  'host_clock',
  { tsc: cell53, ns: cell53, unpreempted: rwlock },
  { as: 'host' },
);

/** @kernel rdtsc arch/x86/include/asm/msr.h */
export function* rdtsc(host: HostClock): Task<number> {
  return yield* host.tsc.readOnce();
}

/** @kernel get_kvmclock_base_ns arch/x86/kvm/x86.c */
export function* kvmclockBaseNs(host: HostClock): Task<number> {
  return yield* host.ns.readOnce();
}

/** Time goes by: the counter goes on by `cycles`, the clock by `ns`. */
export function* leap(host: HostClock, cycles: number, ns = cycles): Task {
  yield* host.unpreempted.writeLock();
  yield* host.tsc.fetchAdd(cycles);
  yield* host.ns.fetchAdd(ns);
  yield* host.unpreempted.writeUnlock();
}
