/** The locks and SRCU sections that each thread holds, in the order in which it took them. */
import type { LockClasses } from './classes.ts';
import type { State } from './state.ts';

/** How a lock is held. */
export const Hold = { EXCLUSIVE: 0, SHARED: 1, SECTION: 2 } as const;

export type HowHeld = 'exclusive' | 'shared' | 'section';
const SPELLED = ['exclusive', 'shared', 'section'] as const;

const MAX_HELD = 30;
const STRIDE = 1 + MAX_HELD;

/** Integers that the stacks of `threads` threads need. */
export function heldSize(threads: number): number {
  return threads * STRIDE;
}

/** One integer for each: address, index of the section, how. */
function packed(addr: number, how: number, idx: number): number {
  return (addr << 3) | ((idx & 1) << 2) | how;
}

export class Held {
  constructor(
    private readonly state: State,
    private readonly classes: LockClasses,
    private readonly from: number,
  ) {}

  count(t: number): number {
    return this.state.data[this.from + t * STRIDE];
  }

  addr(t: number, k: number): number {
    return this.state.data[this.at(t, k)] >>> 3;
  }

  how(t: number, k: number): number {
    return this.state.data[this.at(t, k)] & 3;
  }

  lockClass(t: number, k: number): number {
    return this.classes.of(this.addr(t, k));
  }

  className(t: number, k: number): string {
    return this.classes.name(this.lockClass(t, k));
  }

  /** All of them as data, outermost first. */
  all(t: number): { lock: string; how: HowHeld; address: number }[] {
    return Array.from({ length: this.count(t) }, (_, k) => ({
      lock: this.className(t, k),
      how: SPELLED[this.how(t, k)],
      address: this.addr(t, k),
    }));
  }

  push(t: number, addr: number, how: number, idx: number): void {
    const { state } = this;
    const n = this.count(t);
    if (n === MAX_HELD) throw new RangeError(`thread ${t} holds more than ${MAX_HELD} locks`);
    state.set(this.at(t, n), packed(addr, how, idx));
    state.set(this.from + t * STRIDE, n + 1);
  }

  /** Index of the last one at this address held this way (and with this index, for sections), or -1. */
  find(t: number, addr: number, how: number, idx: number): number {
    const { data } = this.state;
    if (idx >>> 1 !== 0) return -1;
    const wanted = packed(addr, how, idx);
    for (let k = this.count(t) - 1; k >= 0; k--) if (data[this.at(t, k)] === wanted) return k;
    return -1;
  }

  /** Index of the last one at this address, held in any way, or -1. */
  findAny(t: number, addr: number): number {
    for (let k = this.count(t) - 1; k >= 0; k--) if (this.addr(t, k) === addr) return k;
    return -1;
  }

  remove(t: number, k: number): void {
    const { state } = this;
    const n = this.count(t);
    const last = this.at(t, n - 1);
    for (let at = this.at(t, k); at < last; at++) state.set(at, state.data[at + 1]);
    state.set(this.from + t * STRIDE, n - 1);
  }

  /** Whether thread `t` holds a lock of one of these classes; `write`: held alone. */
  holdsAny(t: number, classes: Int32Array, write: boolean): boolean {
    const n = this.count(t);
    for (let k = 0; k < n; k++) {
      if (write && this.how(t, k) !== Hold.EXCLUSIVE) continue;
      const held = this.lockClass(t, k);
      for (let c = 0; c < classes.length; c++) if (classes[c] === held) return true;
    }
    return false;
  }

  private at(t: number, k: number): number {
    return this.from + t * STRIDE + 1 + k;
  }
}
