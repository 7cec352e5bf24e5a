/**
 * Atomic accesses to cells: bits in the arena exactly as codec.ts of the machine lays them out, every one of them
 * sequentially consistent. 64-bit numbers pass through one scratch word, so only the bigint that Atomics wants is made.
 */
import { type Codec, CodecId, decode, encode, halves, Kind, u32, u64 } from '@faultline/machine';

const whole = new BigUint64Array(1);
const half = new Uint32Array(whole.buffer);

export function atomicLoad(addr: number, codec: Codec): unknown {
  switch (codec.id) {
    case CodecId.U32:
      return Atomics.load(u32, addr >>> 2);
    case CodecId.U64:
      return Atomics.load(u64, addr >>> 3);
    case CodecId.PTR: {
      const target = Atomics.load(u32, addr >>> 2);
      return target === 0 ? null : (codec.view as (addr: number) => unknown)(target);
    }
    default:
      if (codec.size === 8) return decoded64(codec, Atomics.load(u64, addr >>> 3));
      return decode(codec, Atomics.load(u32, addr >>> 2), 0);
  }
}

export function atomicStore(addr: number, codec: Codec, value: unknown): void {
  if (codec.id === CodecId.U32) Atomics.store(u32, addr >>> 2, value as number);
  else if (codec.id === CodecId.U64) Atomics.store(u64, addr >>> 3, value as bigint);
  else if (codec.size === 8) Atomics.store(u64, addr >>> 3, encoded64(codec, value));
  else Atomics.store(u32, addr >>> 2, encoded32(codec, value));
}

/** XCHG, ADD, AND, OR, ANDNOT: returns the old value. */
export function atomicModify(kind: number, addr: number, codec: Codec, value: unknown): unknown {
  if (codec.size === 8) {
    const operand = codec.id === CodecId.U64 ? (value as bigint) : encoded64(codec, value);
    const old = modify64(kind, addr >>> 3, operand);
    return codec.id === CodecId.U64 ? old : decoded64(codec, old);
  }
  return decode(codec, modify32(kind, addr >>> 2, encoded32(codec, value)), 0);
}

/** Returns the old value; `next` is stored if that equals `old`. */
export function atomicCmpxchg(addr: number, codec: Codec, old: unknown, next: unknown): unknown {
  switch (codec.id) {
    case CodecId.U32:
      return Atomics.compareExchange(u32, addr >>> 2, old as number, next as number);
    case CodecId.U64:
      return Atomics.compareExchange(u64, addr >>> 3, old as bigint, next as bigint);
    default:
      if (codec.size === 8) {
        const expected = encoded64(codec, old);
        return decoded64(codec, Atomics.compareExchange(u64, addr >>> 3, expected, encoded64(codec, next)));
      }
      return decode(
        codec,
        Atomics.compareExchange(u32, addr >>> 2, encoded32(codec, old), encoded32(codec, next)),
        0,
      );
  }
}

/** What a read-modify-write becomes when its step is weakened: a load, then, separately, a store of what it computes. */
export function modified(kind: number, codec: Codec, old: unknown, value: unknown): unknown {
  const was = bits(codec, old);
  const operand = bits(codec, value);
  const next = BigInt.asUintN(codec.size * 8, combine(kind, was, operand));
  return decode(codec, Number(next & 0xffff_ffffn), Number(next >> 32n));
}

/** What readHalves() read. */
export const seen = { lo: 0, hi: 0 };

/** Reads 4 or 8 bytes at once, into `seen`. */
export function readHalves(addr: number, size: number): void {
  if (size === 8) {
    whole[0] = Atomics.load(u64, addr >>> 3);
    seen.lo = half[0];
    seen.hi = half[1];
  } else {
    seen.lo = Atomics.load(u32, addr >>> 2);
    seen.hi = 0;
  }
}

/** The 64 or 32 bits of `value`. */
function bits(codec: Codec, value: unknown): bigint {
  encode(codec, value);
  half[0] = halves.lo;
  half[1] = codec.size === 8 ? halves.hi : 0;
  return whole[0] as bigint;
}

function combine(kind: number, old: bigint, operand: bigint): bigint {
  switch (kind) {
    case Kind.XCHG:
      return operand;
    case Kind.ADD:
      return old + operand;
    case Kind.AND:
      return old & operand;
    case Kind.OR:
      return old | operand;
    case Kind.ANDNOT:
      return old & ~operand;
    default:
      throw new Error(`operation kind ${kind} is not a read-modify-write`);
  }
}

function modify64(kind: number, index: number, operand: bigint): bigint {
  switch (kind) {
    case Kind.XCHG:
      return Atomics.exchange(u64, index, operand);
    case Kind.ADD:
      return Atomics.add(u64, index, operand);
    case Kind.AND:
      return Atomics.and(u64, index, operand);
    case Kind.OR:
      return Atomics.or(u64, index, operand);
    case Kind.ANDNOT:
      return Atomics.and(u64, index, ~operand);
    default:
      throw new Error(`operation kind ${kind} is not a read-modify-write`);
  }
}

function modify32(kind: number, index: number, operand: number): number {
  switch (kind) {
    case Kind.XCHG:
      return Atomics.exchange(u32, index, operand);
    case Kind.ADD:
      return Atomics.add(u32, index, operand);
    case Kind.AND:
      return Atomics.and(u32, index, operand);
    case Kind.OR:
      return Atomics.or(u32, index, operand);
    case Kind.ANDNOT:
      return Atomics.and(u32, index, ~operand);
    default:
      throw new Error(`operation kind ${kind} is not a read-modify-write`);
  }
}

function encoded32(codec: Codec, value: unknown): number {
  if (codec.id === CodecId.U32) return value as number;
  encode(codec, value);
  return halves.lo;
}

function encoded64(codec: Codec, value: unknown): bigint {
  encode(codec, value);
  half[0] = halves.lo;
  half[1] = halves.hi;
  return whole[0] as bigint;
}

function decoded64(codec: Codec, value: bigint): unknown {
  whole[0] = value;
  return decode(codec, half[0] as number, half[1] as number);
}
