/**
 * Plain accesses: FastTrack over synchronises-with edges. For each address the last write and the last reads, as epochs
 * (clock and thread in one integer); reads by several threads that are unordered share a vector.
 */
import type { State } from './state.ts';
import type { SyncClocks } from './sync.ts';

const THREAD_BITS = 5;
const THREAD_MASK = (1 << THREAD_BITS) - 1;

/** Integers that shadow memory of `bytes` bytes needs. */
export function shadowSize(bytes: number): number {
  return bytes * 2 + (bytes >>> 3);
}

export class Shadow {
  private readonly writes: number;
  private readonly reads: number;
  private readonly freed: number;

  constructor(
    private readonly state: State,
    private readonly sync: SyncClocks,
    private readonly threads: number,
    bytes: number,
    from: number,
  ) {
    this.writes = from;
    this.reads = from + bytes;
    this.freed = from + 2 * bytes;
  }

  /** Event + 2 of the one that freed the object there, 0 if it lives. */
  freedBy(addr: number): number {
    return this.state.data[this.freed + (addr >>> 3)];
  }

  /** Notes a read; the thread whose write it races with, or -1. */
  read(t: number, addr: number): number {
    const { state, sync } = this;
    const { data } = state;
    const racing = this.unorderedWriter(t, addr);
    if (racing >= 0) return racing;
    const mine = this.epoch(t);
    const at = this.reads + addr;
    const last = data[at];
    if (last === mine) return -1;
    if (last < 0) {
      state.set(sync.slot(-last) + t, mine >>> THREAD_BITS);
      return -1;
    }
    const u = (last & THREAD_MASK) - 1;
    if (last === 0 || u === t || sync.covers(t, u, last >>> THREAD_BITS)) {
      state.set(at, mine);
      return -1;
    }
    const slot = sync.emptySlot();
    state.set(sync.slot(slot) + u, last >>> THREAD_BITS);
    state.set(sync.slot(slot) + t, mine >>> THREAD_BITS);
    state.set(at, -slot);
    return -1;
  }

  /** Notes a write; the thread it races with, or -1. `raceWasRead` says how that one accessed the address. */
  write(t: number, addr: number): number {
    const { state } = this;
    let racing = this.unorderedWriter(t, addr);
    if (racing < 0) racing = this.unorderedReader(t, addr);
    if (racing >= 0) return racing;
    state.set(this.writes + addr, this.epoch(t));
    state.set(this.reads + addr, 0);
    return -1;
  }

  /** The thread whose last write to `addr` is unordered with what `t` does now, or -1. */
  unorderedWriter(t: number, addr: number): number {
    const last = this.state.data[this.writes + addr];
    if (last === 0) return -1;
    const u = (last & THREAD_MASK) - 1;
    return u === t || this.sync.covers(t, u, last >>> THREAD_BITS) ? -1 : u;
  }

  /** A thread whose last read of `addr` is unordered with what `t` does now, or -1. */
  unorderedReader(t: number, addr: number): number {
    const { state, sync, threads } = this;
    const last = state.data[this.reads + addr];
    if (last === 0) return -1;
    if (last > 0) {
      const u = (last & THREAD_MASK) - 1;
      return u === t || sync.covers(t, u, last >>> THREAD_BITS) ? -1 : u;
    }
    for (let u = 0; u < threads; u++) {
      const clock = state.data[sync.slot(-last) + u];
      if (u !== t && clock !== 0 && !sync.covers(t, u, clock)) return u;
    }
    return -1;
  }

  /** The object's bytes are free from event `event` on. */
  free(addr: number, bytes: number, event: number): void {
    for (let g = addr >>> 3; g <= (addr + bytes - 1) >>> 3; g++) this.state.set(this.freed + g, event + 2);
  }

  /** A fresh object stands there: what was known of the memory is forgotten. */
  allocate(addr: number, bytes: number): void {
    const { state } = this;
    for (let a = addr; a < addr + bytes; a++) {
      state.set(this.writes + a, 0);
      state.set(this.reads + a, 0);
    }
    for (let g = addr >>> 3; g <= (addr + bytes - 1) >>> 3; g++) state.set(this.freed + g, 0);
  }

  private epoch(t: number): number {
    return (this.sync.epoch(t) << THREAD_BITS) | (t + 1);
  }
}
