/** A grace period leaves the index alone and waits until nobody is left on either side. */
import { retryAfterChange, type Seen, type Srcu, smpMb, type Task } from '@faultline/machine';

/** @replaces packages/machine/src/srcu.ts#synchronizeSrcu b41c5d33 */
export function* synchronizeSrcu(domain: Srcu): Task {
  const { gpMutex } = domain.state;
  yield* gpMutex.lock();
  yield* smpMb();
  yield* drain(domain, 1);
  yield* drain(domain, 0);
  yield* smpMb();
  yield* gpMutex.unlock();
}

function* drain(domain: Srcu, idx: number): Task {
  const { sda, cpus } = domain.state;
  for (;;) {
    const seen: Seen[] = [];
    let inside = 0;
    for (let cpu = 0; cpu < cpus; cpu++) {
      const cell = sda.at(cpu).unlockCount.at(idx);
      const count = yield* cell.readOnce();
      seen.push([cell, count]);
      inside -= count;
    }
    yield* smpMb();
    for (let cpu = 0; cpu < cpus; cpu++) {
      const cell = sda.at(cpu).lockCount.at(idx);
      const count = yield* cell.readOnce();
      seen.push([cell, count]);
      inside += count;
    }
    if (inside === 0) return;
    yield* retryAfterChange(seen);
  }
}
