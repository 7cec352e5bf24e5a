/** What is wrong with an unlock, in words. */
import { describe, Kind } from '@faultline/machine';
import type { LockClasses } from './classes.ts';
import { type Held, Hold } from './held.ts';

const spelled: Record<number, string> = {
  [Kind.MUTEX_UNLOCK]: 'mutex_unlock',
  [Kind.SPIN_UNLOCK]: 'spin_unlock',
  [Kind.READ_UNLOCK]: 'read_unlock',
  [Kind.WRITE_UNLOCK]: 'write_unlock',
};

export function unlockProblem(
  held: Held,
  classes: LockClasses,
  threads: number,
  t: number,
  addr: number,
  kind: number,
): string {
  const call = `${spelled[kind]}(&${describe(addr).text})`;
  const mine = held.findAny(t, addr);
  if (mine >= 0) {
    const how = held.how(t, mine) === Hold.SHARED ? 'for reading' : 'for writing';
    return `${call}: ${classes.name(held.lockClass(t, mine))} is held ${how}`;
  }
  for (let q = 0; q < threads; q++) {
    if (held.findAny(q, addr) >= 0) return `${call}: held by another thread`;
  }
  return `${call}: not held`;
}
