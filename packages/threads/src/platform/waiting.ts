/**
 * Waiting that ends: a thread looks a while, then sleeps in short naps. A wait that lasts longer than it may, or whose round
 * has failed elsewhere, throws instead of hanging.
 */
import { describe, i32, u32 } from '@faultline/machine';
import { RoundAborted, Stuck } from './failures.ts';
import { self, taskName } from './self.ts';
import { leaveTurns, rejoinTurns } from './turns.ts';

/** How often a wait looks before it sleeps: some 10 to 50 microseconds. */
export const LOOKS = 1000;

const FIRST_NAP_MS = 0.02;
const LONGEST_NAP_MS = 1;
/** How long a sleeper of a lock stays under before it looks at the clock. */
const PARKED_MS = 200;

const napWord = new Int32Array(new SharedArrayBuffer(4));
let since = 0;
let napMs = FIRST_NAP_MS;

/** A new wait begins. */
export function beginWait(): void {
  since = 0;
  napMs = FIRST_NAP_MS;
}

/** Sleeps a little: what is waited for is polled. Throws if the wait is over without success. */
export function nap(what: string, addr: number): void {
  checkClock(what, addr);
  leaveTurns();
  Atomics.wait(napWord, 0, 0, napMs);
  rejoinTurns();
  napMs = Math.min(napMs * 2, LONGEST_NAP_MS);
}

/** Sleeps on a word of the arena until it is woken, or the word is not `expected`, or for no reason. */
export function parkOn(addr: number, expected: number): void {
  checkClock('waits for the lock', addr);
  leaveTurns();
  Atomics.wait(i32, addr >>> 2, expected | 0, Math.min(PARKED_MS, self.stuckAfterMs));
  rejoinTurns();
}

/** Wakes one or all sleepers of a word. */
export function wakeOn(addr: number, all: boolean): void {
  Atomics.notify(i32, addr >>> 2, all ? Number.POSITIVE_INFINITY : 1);
}

function checkClock(what: string, addr: number): void {
  const now = performance.now();
  if (since === 0) since = now;
  if (Atomics.load(self.abort, 0) !== 0) throw new RoundAborted(`${what} ${whatStandsAt(addr)}`);
  if (now - since > self.stuckAfterMs) throw new Stuck(`${what} ${whatStandsAt(addr)}`);
}

/** 'kvm->slots_lock (held by ioctl)', 'slots->generation (now 0x2)'. */
function whatStandsAt(addr: number): string {
  const { text, info } = describe(addr);
  const word = u32[addr >>> 2] as number;
  const isLock = info !== null && info.type.codec === null && info.type.inner === null;
  if (isLock && !info.type.label.includes('rwlock')) {
    return word === 0 ? `${text} (free now)` : `${text} (held by ${taskName(word - 1)})`;
  }
  return `${text} (now 0x${word.toString(16)})`;
}
