/**
 * How a value in the arena becomes a value in code: numbers below 2^53 for frame numbers, counts and generations,
 * bigint for page-table entries, a struct's view for pointers.
 */
import { u32 } from './arena.ts';

export const CodecId = {
  U32: 0,
  I32: 1,
  U53: 2,
  U64: 3,
  PTR: 4,
  GENERATION: 5,
  U8: 6,
  I16: 7,
  U16: 8,
} as const;

/** Anything that has an address: what a pointer points to. */
export interface Addressed {
  readonly addr: number;
}

export interface Codec {
  readonly id: number;
  /** Bytes in the arena: 1, 2, 4 or 8, aligned to itself. */
  readonly size: number;
  /** For pointers: makes the view of what stands at an address. */
  readonly view: ((addr: number) => unknown) | null;
}

const TWO_32 = 0x1_0000_0000;
/** Stands for bit 63 in code: the in-progress mark of a generation, out of reach of any counter that we run. */
export const GENERATION_MARK = 2 ** 52;

/** Scratch for the halves of an encoded value; read at once by whoever called `encode`. */
export const halves = { lo: 0, hi: 0 };

/** Splits a value of code into the two halves that stand in the arena, into `halves`. */
export function encode(codec: Codec, value: unknown): void {
  switch (codec.id) {
    case CodecId.U53: {
      const v = value as number;
      if (!Number.isSafeInteger(v) || v < 0) throw new RangeError(`${v} is not an integer in 0 .. 2^53-1`);
      halves.lo = v >>> 0;
      halves.hi = (v / TWO_32) >>> 0;
      return;
    }
    case CodecId.GENERATION: {
      const v = value as number;
      const marked = v >= GENERATION_MARK;
      const count = marked ? v - GENERATION_MARK : v;
      halves.lo = count >>> 0;
      halves.hi = (((count / TWO_32) >>> 0) | (marked ? 0x8000_0000 : 0)) >>> 0;
      return;
    }
    case CodecId.U64: {
      const v = BigInt.asUintN(64, value as bigint);
      halves.lo = Number(v & 0xffff_ffffn);
      halves.hi = Number(v >> 32n);
      return;
    }
    case CodecId.PTR:
      halves.lo = value === null ? 0 : (value as Addressed).addr;
      halves.hi = 0;
      return;
    default:
      halves.lo = (value as number) >>> 0;
      halves.hi = 0;
  }
}

/** The value in code of two halves. */
export function decode(codec: Codec, lo: number, hi: number): unknown {
  switch (codec.id) {
    case CodecId.I32:
      return lo | 0;
    case CodecId.U53:
      return hi * TWO_32 + lo;
    case CodecId.U64:
      return (BigInt(hi) << 32n) | BigInt(lo);
    case CodecId.PTR:
      return lo === 0 ? null : (codec.view as (addr: number) => unknown)(lo);
    case CodecId.GENERATION:
      return (hi & 0x7fff_ffff) * TWO_32 + lo + (hi >>> 31) * GENERATION_MARK;
    case CodecId.I16:
      return (lo << 16) >> 16;
    default:
      return lo;
  }
}

/** Reads the cell at `addr` without any event: for set-up, oracles and tools. */
export function peek(codec: Codec, addr: number): unknown {
  return decode(codec, u32[addr >>> 2] as number, codec.size === 8 ? (u32[(addr >>> 2) + 1] as number) : 0);
}

/** Writes the cell at `addr` without any event: for set-up only. */
export function poke(codec: Codec, addr: number, value: unknown): void {
  encode(codec, value);
  u32[addr >>> 2] = halves.lo;
  if (codec.size === 8) u32[(addr >>> 2) + 1] = halves.hi;
}
