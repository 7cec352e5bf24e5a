/** Executes the execution on the stack once more and compares every operation and its result. */
import { describe, kindNames } from '@faultline/machine';
import { arenaHash } from './arena-hash.ts';
import { Nondeterminism } from './nondeterminism.ts';
import type { Search } from './search.ts';

/** Throws Nondeterminism at the first difference. The execution must have ended by itself. */
export function checkDeterminism(search: Search): void {
  const { run, events, detector } = search;
  const hash = arenaHash();
  const marks = detector.warnings.length;
  const { ops: done } = events;
  const pending = run.threads.ops;
  run.threads.onLocal = null;
  run.start();
  for (let i = 0; i < events.depth; i++) {
    const t = events.thread[i];
    const same =
      pending.kind[t] === done.kind[i] &&
      pending.addr[t] === done.addr[i] &&
      pending.order[t] === done.order[i] &&
      pending.aLo[t] === done.aLo[i] &&
      pending.aHi[t] === done.aHi[i] &&
      pending.bLo[t] === done.bLo[i] &&
      pending.bHi[t] === done.bHi[i] &&
      pending.listLength[t] === done.listLength[i];
    if (!same) throw new Nondeterminism(i, t, done, pending);
    run.step(t, events.choice[i]);
  }
  if (arenaHash() !== hash)
    throw new Error(`the same schedule left other bytes behind (${lastPlace(search)})`);
  detector.warnings.length = marks;
}

function lastPlace(search: Search): string {
  const { ops } = search.events;
  const d = search.events.depth - 1;
  return d < 0 ? 'before any operation' : `last: ${kindNames[ops.kind[d]]} ${describe(ops.addr[d]).text}`;
}
