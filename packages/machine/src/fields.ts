/** The field types of structs: plain words, cells, pointers, embedded structs and arrays. */
import { u8, u32, u64 } from './arena.ts';
import { Cell } from './cell.ts';
import { type Codec, CodecId, decode, encode, halves } from './codec.ts';
import * as platform from './platform.ts';
import type { AnyStruct, FieldInfo, FieldType, ObjectField, PlainField, StructType, View } from './struct.ts';

/** @internal A plain word whose accesses the race detector sees. */
function word<T>(label: string, codec: Codec): PlainField<T> {
  return {
    size: codec.size,
    align: codec.size,
    label,
    codec,
    inner: null,
    count: 1,
    plain: true,
    accessors: (info) => accessors(info, codec),
    make: null,
  };
}

/** Each kind of word gets closures of its own, so that V8 sees one shape at each access. */
function accessors(info: FieldInfo, codec: Codec): PropertyDescriptor & ThisType<View> {
  const { offset, size } = info;
  switch (codec.id) {
    case CodecId.U32:
      return {
        get() {
          platform.plainRead(this.addr + offset, size, info);
          return u32[(this.addr + offset) >>> 2];
        },
        set(v: number) {
          platform.plainWrite(this.addr + offset, size, info);
          u32[(this.addr + offset) >>> 2] = v;
        },
      };
    case CodecId.U53:
      return {
        get() {
          const a = this.addr + offset;
          platform.plainRead(a, size, info);
          return (u32[(a >>> 2) + 1] as number) * 0x1_0000_0000 + (u32[a >>> 2] as number);
        },
        set(v: number) {
          const a = this.addr + offset;
          platform.plainWrite(a, size, info);
          encode(codec, v);
          u32[a >>> 2] = halves.lo;
          u32[(a >>> 2) + 1] = halves.hi;
        },
      };
    case CodecId.U64:
      return {
        get() {
          platform.plainRead(this.addr + offset, size, info);
          return u64[(this.addr + offset) >>> 3];
        },
        set(v: bigint) {
          platform.plainWrite(this.addr + offset, size, info);
          u64[(this.addr + offset) >>> 3] = v;
        },
      };
    case CodecId.PTR:
      return {
        get() {
          platform.plainRead(this.addr + offset, size, info);
          const target = u32[(this.addr + offset) >>> 2] as number;
          return target === 0 ? null : (codec.view as (addr: number) => unknown)(target);
        },
        set(v: View | null) {
          platform.plainWrite(this.addr + offset, size, info);
          u32[(this.addr + offset) >>> 2] = v === null ? 0 : v.addr;
        },
      };
    default:
      return {
        get() {
          platform.plainRead(this.addr + offset, size, info);
          return loadSmall(codec, this.addr + offset);
        },
        set(v: unknown) {
          platform.plainWrite(this.addr + offset, size, info);
          storeSmall(codec, this.addr + offset, v);
        },
      };
  }
}

function loadSmall(codec: Codec, addr: number): unknown {
  if (codec.size === 1) return u8[addr];
  if (codec.size === 2) {
    const v = (u8[addr] as number) | ((u8[addr + 1] as number) << 8);
    return codec.id === CodecId.I16 ? (v << 16) >> 16 : v;
  }
  return decode(codec, u32[addr >>> 2] as number, codec.size === 8 ? (u32[(addr >>> 2) + 1] as number) : 0);
}

function storeSmall(codec: Codec, addr: number, v: unknown): void {
  encode(codec, v);
  if (codec.size <= 2) {
    u8[addr] = halves.lo;
    if (codec.size === 2) u8[addr + 1] = halves.lo >>> 8;
    return;
  }
  u32[addr >>> 2] = halves.lo;
  if (codec.size === 8) u32[(addr >>> 2) + 1] = halves.hi;
}

const simple = (id: number, size: number): Codec => ({ id, size, view: null });
const U32 = simple(CodecId.U32, 4);
const U53 = simple(CodecId.U53, 8);
const U64 = simple(CodecId.U64, 8);
const GENERATION = simple(CodecId.GENERATION, 8);

export const bytes1 = word<number>('u8', simple(CodecId.U8, 1));
export { bytes1 as u8Field };
export const i16Field = word<number>('i16', simple(CodecId.I16, 2));
export const u16Field = word<number>('u16', simple(CodecId.U16, 2));
export const u32Field = word<number>('u32', U32);
export const i32Field = word<number>('i32', simple(CodecId.I32, 4));
/** 8 bytes in the arena, an integer below 2^53 in code. */
export const u53Field = word<number>('u53', U53);
/** 64 bits, bigint in code. */
export const u64Field = word<bigint>('u64', U64);
/** 64 bits whose bit 63 is a mark: in code a number, with GENERATION_MARK added when it is set. */
export const generationField = word<number>('generation', GENERATION);

/** A plain u53 of a branded type: `u53As<Gfn>()`. */
export function u53As<T extends number>(): PlainField<T> {
  return u53Field as unknown as PlainField<T>;
}

/** @internal */
function cellField<T>(label: string, codec: Codec): ObjectField<Cell<T>> {
  return {
    size: Math.max(codec.size, 4),
    align: Math.max(codec.size, 4),
    label,
    codec,
    inner: null,
    count: 1,
    plain: false,
    accessors: null,
    make: (addr) => new Cell<T>(addr, codec),
  };
}

export const cell32 = cellField<number>('atomic u32', U32);
export const cell53 = cellField<number>('atomic u53', U53);
export const cell64 = cellField<bigint>('atomic u64', U64);
export const generationCell = cellField<number>('atomic generation', GENERATION);

function pointerCodec(target: () => AnyStruct): Codec {
  let type: AnyStruct | null = null;
  return {
    id: CodecId.PTR,
    size: 4,
    view: (addr) => {
      if (type === null) type = target();
      return type.at(addr);
    },
  };
}

/** A plain pointer; NULL reads as null. */
export function ptr<V extends View>(target: () => StructType<V>): PlainField<V | null> {
  return word<V | null>('ptr', pointerCodec(target));
}

/** A pointer that is published and read with visible operations. */
export function ptrCell<V extends View>(target: () => StructType<V>): ObjectField<Cell<V | null>> {
  return cellField<V | null>('atomic ptr', pointerCodec(target));
}

/** A struct inside a struct. */
export function embed<V extends View>(type: StructType<V>): ObjectField<V> {
  return {
    size: type.size,
    align: 8,
    label: type.name,
    codec: null,
    inner: type,
    count: 1,
    plain: false,
    accessors: null,
    make: (addr) => type.at(addr),
  };
}

/** Elements of an array field: `at(i)` for structs and cells, `get` and `set` for plain words. */
export class Elements<T> {
  private readonly made: T[] = [];
  constructor(
    readonly addr: number,
    private readonly element: FieldType<T>,
    private readonly stride: number,
    private readonly info: FieldInfo,
    /** Elements that there are; infinite where the object's allocation decides. */
    private readonly count: number,
  ) {}

  /** The object at index `i`: a cell, a lock or a struct. */
  at(i: number): T {
    const made = this.made[i];
    if (made !== undefined) return made;
    if (!(i >= 0 && i < this.count)) throw this.outside(i);
    const view = (this.element.make as (addr: number, info: FieldInfo) => T)(
      this.addr + i * this.stride,
      this.info,
    );
    this.made[i] = view;
    return view;
  }

  get(i: number): T {
    if (!(i >= 0 && i < this.count)) throw this.outside(i);
    const codec = this.element.codec as Codec;
    const addr = this.addr + i * this.stride;
    platform.plainRead(addr, codec.size, this.info);
    return loadSmall(codec, addr) as T;
  }

  set(i: number, value: T): void {
    if (!(i >= 0 && i < this.count)) throw this.outside(i);
    const codec = this.element.codec as Codec;
    const addr = this.addr + i * this.stride;
    platform.plainWrite(addr, codec.size, this.info);
    storeSmall(codec, addr, value);
  }

  private outside(i: number): RangeError {
    return new RangeError(`index ${i} of ${this.info.name}[${this.count}]`);
  }
}

/** `count` elements in a row; without a count, as many as `alloc(extra)` made room for. */
export function array<T>(element: FieldType<T>, count = 0): ObjectField<Elements<T>> {
  const stride = Math.ceil(element.size / element.align) * element.align;
  return {
    size: stride * count,
    align: element.align,
    label: `${element.label}[]`,
    codec: element.codec,
    inner: element.inner,
    count,
    plain: false,
    accessors: null,
    // What guards an element guards each of them.
    ...(element.guard === undefined ? {} : { guard: element.guard }),
    make: (addr, info) =>
      new Elements<T>(addr, element, stride, info, count === 0 ? Number.POSITIVE_INFINITY : count),
  };
}
