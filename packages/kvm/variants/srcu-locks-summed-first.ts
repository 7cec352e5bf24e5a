/** A scan sums the sections that began, then those that ended. */
import { type Cell, retryAfterChange, type Seen, type Srcu, smpMb, type Task } from '@faultline/machine';

/** @replaces packages/machine/src/srcu.ts#waitForReaders ebbc503d */
export function* waitForReaders(domain: Srcu, idx: number): Task {
  const { sda, cpus } = domain.state;
  for (;;) {
    const seen: Seen[] = [];
    let locks = 0;
    let unlocks = 0;
    for (let cpu = 0; cpu < cpus; cpu++) {
      const cell: Cell<number> = sda.at(cpu).lockCount.at(idx);
      const count = yield* cell.readOnce();
      seen.push([cell, count]);
      locks += count;
    }
    yield* smpMb();
    for (let cpu = 0; cpu < cpus; cpu++) {
      const cell: Cell<number> = sda.at(cpu).unlockCount.at(idx);
      const count = yield* cell.readOnce();
      seen.push([cell, count]);
      unlocks += count;
    }
    if ((locks - unlocks) >>> 0 === 0) return;
    yield* retryAfterChange(seen);
  }
}
