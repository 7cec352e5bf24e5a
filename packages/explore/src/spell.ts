/** Operations in the kernel's spelling: `mutex_lock(&kvm->slots_lock)`, `slots->generation = 3`. */
import {
  type Codec,
  CodecId,
  decode,
  describe,
  Kind,
  MAX_LIST,
  Order,
  Until,
  variableAt,
} from '@faultline/machine';
import type { OpTable } from './op-table.ts';

const plainLoads: Record<number, string> = {
  [Order.ACQUIRE]: 'smp_load_acquire',
  [Order.DEREFERENCE]: 'rcu_dereference',
  [Order.RACY]: 'data_race',
};
const rmw: Record<number, string> = {
  [Kind.ADD]: 'atomic_fetch_add',
  [Kind.AND]: 'atomic_fetch_and',
  [Kind.OR]: 'atomic_fetch_or',
  [Kind.ANDNOT]: 'atomic_fetch_andnot',
};
const fences: Record<number, string> = {
  [Order.MB]: 'smp_mb()',
  [Order.RMB]: 'smp_rmb()',
  [Order.WMB]: 'smp_wmb()',
  [Order.MB_AFTER_ATOMIC]: 'smp_mb__after_atomic()',
  [Order.BARRIER]: 'barrier()',
};

export function spellFence(order: number): string {
  return fences[order] ?? 'barrier()';
}

/** What thread `row` waits to do. */
export function spellPending(ops: OpTable, row: number): string {
  return spell(ops, row, null);
}

/** What was done, with what it found. */
export function spellDone(ops: OpTable, row: number, lo: number, hi: number): string {
  return spell(ops, row, { lo, hi });
}

interface Halves {
  readonly lo: number;
  readonly hi: number;
}

function spell(ops: OpTable, row: number, result: Halves | null): string {
  const kind = ops.kind[row];
  const place = ops.addr[row] === 0 ? '' : describe(ops.addr[row]).text;
  if (place.endsWith('rcu.domain')) return spellRcu(kind, result);
  if (kind <= Kind.ANDNOT) return spellCell(ops, row, numbered(ops.addr[row], place), result);
  switch (kind) {
    case Kind.FENCE:
      return spellFence(ops.order[row]);
    case Kind.AWAIT: {
      const wanted = value(ops.codec[row], ops.aLo[row], ops.aHi[row]);
      return `wait_event(${place} ${ops.order[row] === Until.EQ ? '==' : '!='} ${wanted})`;
    }
    case Kind.RETRY:
      return `retry: ${listed(ops, row)} changed`;
    case Kind.ATOMIC:
      return `atomically { ${listed(ops, row)} }`;
    case Kind.CHOOSE:
      return result === null ? `${ops.text[row]}?` : `${ops.text[row]}: ${result.lo} of ${ops.aLo[row]}`;
    case Kind.SRCU_LOCK:
      return `srcu_read_lock(&${place})`;
    case Kind.SRCU_UNLOCK:
      return `srcu_read_unlock(&${place})`;
    case Kind.SRCU_BEGIN:
      return `synchronize_srcu(&${place})`;
    case Kind.SRCU_WAIT:
      return result === null ? `synchronize_srcu(&${place})` : `synchronize_srcu(&${place}) returns`;
    default:
      return spellLock(kind, ops.addr[row], place, result);
  }
}

/** RCU has one domain, which nobody names. */
function spellRcu(kind: number, result: Halves | null): string {
  if (kind === Kind.SRCU_LOCK) return 'rcu_read_lock()';
  if (kind === Kind.SRCU_UNLOCK) return 'rcu_read_unlock()';
  return kind === Kind.SRCU_WAIT && result !== null ? 'synchronize_rcu() returns' : 'synchronize_rcu()';
}

/** A place with its variable numbered where there are several: `slots(2)->generation`. */
function numbered(addr: number, place: string): string {
  const arrow = place.indexOf('->');
  return arrow < 0 ? place : `${variableAt(addr) ?? place.slice(0, arrow)}${place.slice(arrow)}`;
}

/** The same in fewer letters, where a column is narrow: what an access sees or stores, without its call. */
export function shortened(text: string): string {
  return text
    .replace(/^(?:rcu_dereference|smp_load_acquire|data_race)\((.*)\) == /, '$1 == ')
    .replace(/^smp_store_release\(&(.*), (.*)\)$/, '$1 = $2');
}

function spellCell(ops: OpTable, row: number, place: string, result: Halves | null): string {
  const codec = ops.codec[row];
  const order = ops.order[row];
  const a = value(codec, ops.aLo[row], ops.aHi[row]);
  const old = result === null ? '' : value(codec, result.lo, result.hi);
  const got = result === null ? '' : ` == ${old}`;
  switch (ops.kind[row]) {
    case Kind.LOAD: {
      const call = plainLoads[order];
      return call === undefined ? `${place}${got}` : `${call}(${place})${got}`;
    }
    case Kind.STORE:
      if (order === Order.RELEASE) {
        const call = codec?.id === CodecId.PTR ? 'rcu_assign_pointer(' : 'smp_store_release(&';
        return `${call}${place}, ${a})`;
      }
      return order === Order.FULL ? `smp_store_mb(${place}, ${a})` : `${place} = ${a}`;
    case Kind.XCHG:
      return `xchg(&${place}, ${a})${got}`;
    case Kind.CMPXCHG: {
      const b = value(codec, ops.bLo[row], ops.bHi[row]);
      const lost = result !== null && old !== a ? ', lost' : '';
      return `cmpxchg(&${place}, ${a}, ${b})${got}${lost}`;
    }
    default:
      if (order === Order.PER_CPU) return `this_cpu_add(${place}, ${a})`;
      return `${rmw[ops.kind[row]]}(${a}, &${place})${got}`;
  }
}

function spellLock(kind: number, addr: number, place: string, result: Halves | null): string {
  const label = describe(addr).info?.type.label;
  if (label === 'rw_semaphore') return spellSemaphore(kind, place);
  const raw = label === 'raw_spinlock' ? 'raw_' : '';
  switch (kind) {
    case Kind.MUTEX_LOCK:
      return `mutex_lock(&${place})`;
    case Kind.MUTEX_UNLOCK:
      return `mutex_unlock(&${place})`;
    case Kind.MUTEX_TRYLOCK:
      return `mutex_trylock(&${place})${result === null ? '' : ` == ${result.lo}`}`;
    case Kind.SPIN_LOCK:
      return `${raw}spin_lock(&${place})`;
    case Kind.SPIN_UNLOCK:
      return `${raw}spin_unlock(&${place})`;
    case Kind.READ_LOCK:
      return `read_lock(&${place})`;
    case Kind.READ_UNLOCK:
      return `read_unlock(&${place})`;
    case Kind.WRITE_QUEUE:
      return `write_lock(&${place}) queues`;
    case Kind.WRITE_LOCK:
      return `write_lock(&${place})`;
    default:
      return `write_unlock(&${place})`;
  }
}

function spellSemaphore(kind: number, place: string): string {
  switch (kind) {
    case Kind.READ_LOCK:
      return `down_read(&${place})`;
    case Kind.READ_UNLOCK:
      return `up_read(&${place})`;
    case Kind.WRITE_QUEUE:
      return `down_write(&${place}) queues`;
    case Kind.WRITE_LOCK:
      return `down_write(&${place})`;
    default:
      return `up_write(&${place})`;
  }
}

function listed(ops: OpTable, row: number): string {
  const base = row * MAX_LIST;
  const places: string[] = [];
  for (let k = base; k < base + ops.listLength[row]; k++) places.push(describe(ops.listAddr[k]).text);
  return places.join(', ');
}

/** A value as kernel code would write it: pointers by the variable's name, wide words in hex. */
export function value(codec: Codec | null, lo: number, hi: number): string {
  if (codec === null) return String(lo);
  if (codec.id === CodecId.PTR) return lo === 0 ? 'NULL' : (variableAt(lo) ?? `0x${lo.toString(16)}`);
  if (codec.id === CodecId.U64) return `0x${(decode(codec, lo, hi) as bigint).toString(16)}`;
  if (codec.id === CodecId.GENERATION && hi >>> 31 === 1) return `${lo}|in-progress`;
  return String(decode(codec, lo, hi));
}
