/**
 * @area srcu
 *
 * Sleepable RCU. One domain, two implementations of the same interface:
 *
 * - real: the counters, the two scans and the flip of kernel/rcu/srcutree.c, from cells. Threads always run this one.
 * - abstract: three operations of the explorer. Each reader owns one word; a grace period first records who is inside
 *   (`begin`), then waits for exactly those to leave (`wait`). A single operation would lose the executions in which
 *   an old reader is waited for while a new one stays inside.
 *
 * The refinement scenario `srcu/real-shows-more-than-abstract` compares the two.
 */
import { MAX_TASKS } from './arena.ts';
import { retryAfterChange, type Seen, smpMb } from './cell.ts';
import { current } from './current.ts';
import { array, cell32, embed, u32Field } from './fields.ts';
import { mutex } from './locks.ts';
import { Kind } from './op.ts';
import * as platform from './platform.ts';
import { type ObjectField, struct, type ViewType } from './struct.ts';
import type { Task } from './task.ts';

/** At most this many CPUs have counters of their own. */
export const SRCU_CPUS = 4;

/** Counters of one CPU. @kernel struct srcu_data include/linux/srcutree.h */
const SrcuData = struct('srcu_data', {
  lockCount: array(cell32, 2),
  unlockCount: array(cell32, 2),
});

/** @kernel struct srcu_struct include/linux/srcutree.h */
export const SrcuDomain = struct(
  'srcu_struct',
  {
    /** Words of the abstract level, one a task: low 8 bits nesting depth, the rest counts sections entered. */
    readers: array(u32Field, MAX_TASKS + 1),
    /** 1: real. */
    real: u32Field,
    /** CPUs that scans look at. */
    cpus: u32Field,
    srcuIdx: cell32,
    gpMutex: mutex,
    sda: array(embed(SrcuData), SRCU_CPUS),
  },
  { as: 'srcu' },
);

export type SrcuLevel = 'abstract' | 'real';

/** A domain as a field: `srcu: srcu`. */
export const srcu: ObjectField<Srcu> = {
  size: SrcuDomain.size,
  align: 8,
  label: 'srcu',
  codec: null,
  inner: SrcuDomain,
  count: 1,
  plain: false,
  accessors: null,
  make: (addr) => new Srcu(addr),
};

/** srcu_struct: read sections that may sleep, and grace periods that wait for them. */
export class Srcu {
  readonly state: ViewType<typeof SrcuDomain>;
  constructor(readonly addr: number) {
    this.state = SrcuDomain.at(addr);
  }

  /** init_srcu_struct(). `cpus`: how many CPUs readers may run on. */
  init(level: SrcuLevel, cpus: number): void {
    if (cpus > SRCU_CPUS)
      throw new RangeError(`an SRCU domain counts at most ${SRCU_CPUS} CPUs; ${cpus} asked for`);
    this.state.real = level === 'real' || !platform.EXPLORED ? 1 : 0;
    this.state.cpus = cpus;
  }

  /** srcu_read_lock(): the index that srcuReadUnlock needs. */
  *readLock(): Task<number> {
    if (this.state.real === 1) {
      const idx = yield* srcuReadLock(this);
      platform.sectionEntered(this.addr, idx);
      return idx;
    }
    return yield* platform.srcuOp<number>(Kind.SRCU_LOCK, this.addr, 0, 0);
  }

  /** srcu_read_unlock() */
  *readUnlock(idx: number): Task {
    if (this.state.real === 1) {
      platform.sectionLeft(this.addr, idx);
      yield* srcuReadUnlock(this, idx);
    } else yield* platform.srcuOp(Kind.SRCU_UNLOCK, this.addr, idx, 0);
  }

  /** synchronize_srcu(): returns after every section that had begun has ended. Sleeps; never inside a section of this domain. */
  *synchronize(): Task {
    if (this.state.real === 1) {
      yield* synchronizeSrcu(this);
      return;
    }
    const readers = yield* platform.srcuOp<bigint>(Kind.SRCU_BEGIN, this.addr, 0, 0);
    yield* platform.srcuOp(Kind.SRCU_WAIT, this.addr, Number(readers & 0xffff_ffffn), Number(readers >> 32n));
  }
}

/** @kernel __srcu_read_lock kernel/rcu/srcutree.c */
function* srcuReadLock(domain: Srcu): Task<number> {
  const { srcuIdx } = domain.state;
  // Not atomic with the count below: a reader may stall here for any time. Both scans of a grace period exist for it.
  const idx = (yield* srcuIdx.readOnce()) & 1;
  yield* thisCpu(domain).lockCount.at(idx).thisCpuAdd(1);
  // Pairs with the barrier between the two sums of a scan: no access of the section moves above the count.
  reader_barrier_after_count: yield* smpMb();
  return idx;
}

/** @kernel __srcu_read_unlock kernel/rcu/srcutree.c */
export function* srcuReadUnlock(domain: Srcu, idx: number): Task {
  // No access of the section moves below the count that says it is over.
  reader_barrier_before_count: yield* smpMb();
  yield* thisCpu(domain).unlockCount.at(idx).thisCpuAdd(1);
}

/** @kernel synchronize_srcu, srcu_advance_state kernel/rcu/srcutree.c */
export function* synchronizeSrcu(domain: Srcu): Task {
  const { gpMutex } = domain.state;
  // The index must be nobody else's to flip: each scan asks anew which side is the inactive one.
  serialize_grace_periods: yield* gpMutex.lock();
  yield* smpMb();
  // A reader that fetched the index before an earlier flip may have been counted on the inactive side since.
  drain_inactive_index: yield* waitForReaders(domain, yield* inactiveIndex(domain));
  flip_index: yield* flip(domain);
  drain_active_index: yield* waitForReaders(domain, yield* inactiveIndex(domain));
  yield* smpMb();
  serialize_grace_periods: yield* gpMutex.unlock();
}

/** @kernel srcu_flip kernel/rcu/srcutree.c */
function* flip(domain: Srcu): Task {
  const { srcuIdx } = domain.state;
  const idx = yield* srcuIdx.readOnce();
  yield* srcuIdx.writeOnce((idx + 1) >>> 0);
  // Bounds how many late readers can still use the old index; nothing is wrong without it.
  barrier_after_flip: yield* smpMb();
}

/** The side that new readers are not counted on. */
function* inactiveIndex(domain: Srcu): Task<number> {
  return 1 ^ ((yield* domain.state.srcuIdx.readOnce()) & 1);
}

/** @kernel srcu_readers_active_idx_check kernel/rcu/srcutree.c */
export function* waitForReaders(domain: Srcu, idx: number): Task {
  const { sda, cpus } = domain.state;
  for (;;) {
    const seen: Seen[] = [];
    let unlocks = 0;
    let locks = 0;
    for (let cpu = 0; cpu < cpus; cpu++) {
      const cell = sda.at(cpu).unlockCount.at(idx);
      const count = yield* cell.readOnce();
      seen.push([cell, count]);
      unlocks += count;
    }
    // Unlocks first: a reader whose lock is missed here cannot cancel one that is still inside.
    scan_barrier_between_sums: yield* smpMb();
    for (let cpu = 0; cpu < cpus; cpu++) {
      const cell = sda.at(cpu).lockCount.at(idx);
      const count = yield* cell.readOnce();
      seen.push([cell, count]);
      locks += count;
    }
    // Counters wrap.
    if ((locks - unlocks) >>> 0 === 0) return;
    yield* retryAfterChange(seen);
  }
}

function thisCpu(domain: Srcu): ViewType<typeof SrcuData> {
  return domain.state.sda.at(current.cpu % domain.state.cpus);
}
