/** The locks and SRCU sections that each thread holds, in the order in which it took them. */
import type { State } from './state.ts';

/** How a lock is held. */
export const Hold = { EXCLUSIVE: 0, SHARED: 1, SECTION: 2 } as const;

const MAX_HELD = 24;
const ROW = 4;
const STRIDE = 1 + MAX_HELD * ROW;

/** Integers that the stacks of `threads` threads need. */
export function heldSize(threads: number): number {
  return threads * STRIDE;
}

export class Held {
  constructor(
    private readonly state: State,
    private readonly from: number,
  ) {}

  count(t: number): number {
    return this.state.data[this.from + t * STRIDE];
  }

  addr(t: number, k: number): number {
    return this.state.data[this.at(t, k)];
  }

  how(t: number, k: number): number {
    return this.state.data[this.at(t, k) + 1];
  }

  lockClass(t: number, k: number): number {
    return this.state.data[this.at(t, k) + 2];
  }

  push(t: number, addr: number, how: number, lockClass: number, idx: number): void {
    const { state } = this;
    const n = this.count(t);
    if (n === MAX_HELD) throw new RangeError(`thread ${t} holds more than ${MAX_HELD} locks`);
    const at = this.at(t, n);
    state.set(at, addr);
    state.set(at + 1, how);
    state.set(at + 2, lockClass);
    state.set(at + 3, idx);
    state.set(this.from + t * STRIDE, n + 1);
  }

  /** Index of the last one at this address held this way (and with this index, for sections), or -1. */
  find(t: number, addr: number, how: number, idx: number): number {
    const { data } = this.state;
    for (let k = this.count(t) - 1; k >= 0; k--) {
      const at = this.at(t, k);
      if (data[at] === addr && data[at + 1] === how && data[at + 3] === idx) return k;
    }
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
    for (let at = this.at(t, k); at < last; at++) state.set(at, state.data[at + ROW]);
    state.set(this.from + t * STRIDE, n - 1);
  }

  /** Whether thread `t` holds a lock of one of these classes; `write`: held alone. */
  holdsAny(t: number, classes: Int32Array, write: boolean): boolean {
    const { data } = this.state;
    const n = this.count(t);
    for (let k = 0; k < n; k++) {
      const at = this.at(t, k);
      if (write && data[at + 1] !== Hold.EXCLUSIVE) continue;
      for (let c = 0; c < classes.length; c++) if (classes[c] === data[at + 2]) return true;
    }
    return false;
  }

  private at(t: number, k: number): number {
    return this.from + t * STRIDE + 1 + k * ROW;
  }
}
