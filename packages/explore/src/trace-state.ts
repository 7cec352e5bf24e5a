/** The state beside the events of a recorded execution: what stood in the cells, and who held what. */
import { describe, Kind, MAX_LIST, u32 } from '@faultline/machine';
import { Hold } from './detect/held.ts';
import type { Session } from './session.ts';

export interface TraceCell {
  readonly place: string;
  readonly addr: number;
  /** Bytes: 4 or 8. */
  readonly size: number;
  readonly before: bigint;
  readonly after: bigint;
}

export interface TraceLock {
  readonly place: string;
  /** 'read', 'write': of a reader-writer lock; 'section': inside srcu_read_lock() or the like; 'alone': of any other lock. */
  readonly how: 'alone' | 'read' | 'write' | 'section';
}

/** Reads the cells of an operation around its execution: memory itself, so that every kind of operation is covered. */
export class CellWatch {
  private watched: { readonly addr: number; readonly size: number; readonly before: bigint }[] = [];

  constructor(private readonly session: Session) {}

  /** Thread `t` is about to execute what it waits to do. */
  before(t: number): void {
    const { ops } = this.session.run.threads;
    const kind = ops.kind[t];
    this.watched = [];
    if (kind <= Kind.ANDNOT || kind === Kind.AWAIT) this.watch(ops.addr[t], ops.size[t]);
    for (let k = t * MAX_LIST; k < t * MAX_LIST + ops.listLength[t]; k++)
      this.watch(ops.listAddr[k], ops.listSize[k]);
  }

  /** It has. */
  after(): TraceCell[] {
    return this.watched.map(({ addr, size, before }) => ({
      place: describe(addr).text,
      addr,
      size,
      before,
      after: valueAt(addr, size),
    }));
  }

  private watch(addr: number, size: number): void {
    this.watched.push({ addr, size, before: valueAt(addr, size) });
  }
}

/** What thread `t` holds now. */
export function heldBy({ search }: Session, t: number): TraceLock[] {
  const { held } = search.detector;
  const locks: TraceLock[] = [];
  for (let k = 0; k < held.count(t); k++) {
    const { text, info } = describe(held.addr(t, k));
    const how = held.how(t, k);
    if (how === Hold.EXCLUSIVE) {
      locks.push({ place: text, how: /rwlock/.test(info?.type.label ?? '') ? 'write' : 'alone' });
    } else {
      locks.push({ place: text, how: how === Hold.SHARED ? 'read' : 'section' });
    }
  }
  return locks;
}

/** Two halves are read one after the other: nobody else runs. */
function valueAt(addr: number, size: number): bigint {
  const lo = BigInt(u32[addr >>> 2]);
  return size === 8 ? (BigInt(u32[(addr >>> 2) + 1]) << 32n) | lo : lo;
}
