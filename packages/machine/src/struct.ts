/**
 * Typed structs over the arena. `struct(name, fields)` gives a type with `alloc`, `free` and `at`; its views read and
 * write plain fields like properties and hold cells, locks and embedded structs as objects. Views are interned: the same
 * address always gives the same object, so `===` compares pointers.
 */
import { allocate, u8, u32 } from './arena.ts';
import type { Codec } from './codec.ts';
import { current } from './current.ts';
import * as platform from './platform.ts';

/** Which locks an access to a field needs: any one of them. 'init': only the task that allocated the object may write. */
export interface Guard {
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** A field in its struct, for reports and checks. */
export interface FieldInfo {
  /** The kernel's spelling. */
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: FieldType<unknown>;
  readonly owner: AnyStruct;
  readonly guard: Guard | null;
}

/** A type of field: how many bytes, and how a view shows it. */
export interface FieldType<T> {
  readonly size: number;
  readonly align: number;
  /** What stands there, for reports: 'u32', 'mutex', 'ptr' ... */
  readonly label: string;
  /** Set for words and cells. */
  readonly codec: Codec | null;
  /** Set for embedded structs and arrays of them. */
  readonly inner: AnyStruct | null;
  /** Elements of an array; 0 for one that takes its length from the allocation. */
  readonly count: number;
  /** True if a view's property of this type may be assigned. */
  readonly plain: boolean;
  readonly guard?: Guard;
  readonly kernelName?: string;
  /** Of a lock: see `irqsOff`. */
  readonly irqsOff?: boolean;
  /** Plain fields: the accessors of the property. */
  readonly accessors: ((info: FieldInfo) => PropertyDescriptor & ThisType<View>) | null;
  /** The others: makes the object that stands at an address, once for each view. */
  readonly make: ((addr: number, info: FieldInfo) => T) | null;
}

export interface PlainField<T> extends FieldType<T> {
  readonly plain: true;
}

export interface ObjectField<T> extends FieldType<T> {
  readonly plain: false;
}

export interface View {
  readonly addr: number;
}

type Fields = Record<string, FieldType<unknown>>;
type ViewOf<F extends Fields> = View & {
  -readonly [K in keyof F as F[K] extends PlainField<unknown> ? K : never]: F[K] extends PlainField<infer T>
    ? T
    : never;
} & {
  readonly [K in keyof F as F[K] extends ObjectField<unknown> ? K : never]: F[K] extends ObjectField<infer T>
    ? T
    : never;
};

export interface StructOptions {
  /** The variable that kernel code uses for it, for diagrams: `slots` in `slots->generation`. */
  readonly as?: string;
  /** Guard of every plain field that names none of its own. */
  readonly guard?: Guard;
}

export interface AnyStruct {
  readonly id: number;
  /** The kernel's struct tag. */
  readonly name: string;
  readonly as: string;
  readonly size: number;
  readonly fields: readonly FieldInfo[];
  at(addr: number): View;
}

export interface StructType<V extends View> extends AnyStruct {
  at(addr: number): V;
  /** Allocates one, zeroed; `extra` bytes go to a trailing array of open length. */
  alloc(extra?: number): V;
  /** Poisons it. Its address is never handed out again. */
  free(view: V): void;
}

/** The view type of a struct: `type Memslot = ViewType<typeof Memslot>`. */
export type ViewType<S> = S extends StructType<infer V> ? V : never;

const structs: AnyStruct[] = [];

/** Eight bytes before each object: struct id and state, then its size. */
export const OBJECT_HEADER = 8;
export const ObjectState = { LIVE: 1, FREED: 2 } as const;
/** What freed memory is filled with. */
export const POISON = 0x6b;

export function structById(id: number): AnyStruct | undefined {
  return structs[id - 1];
}

/** Declares a struct. Fields are laid out in order, each aligned to itself, cells never share a word. */
export function struct<F extends Fields>(
  name: string,
  fields: F,
  options: StructOptions = {},
): StructType<ViewOf<F>> {
  const infos: FieldInfo[] = [];
  const keys = Object.keys(fields);
  const views: View[] = [];

  class StructView implements View {
    [key: string]: unknown;
    constructor(readonly addr: number) {
      for (let i = 0; i < keys.length; i++) {
        const info = infos[i] as FieldInfo;
        if (info.type.make !== null) this[keys[i] as string] = info.type.make(addr + info.offset, info);
      }
    }
  }

  const type: StructType<ViewOf<F>> = {
    id: structs.length + 1,
    name,
    as: options.as ?? name.replace(/^kvm_/, ''),
    size: layout(fields, infos, () => type, options.guard),
    fields: infos,
    at(addr) {
      const view = views[addr >>> 2];
      if (view !== undefined) return view as ViewOf<F>;
      const made = new StructView(addr) as unknown as ViewOf<F>;
      views[addr >>> 2] = made;
      return made;
    },
    alloc(extra = 0) {
      const bytes = type.size + extra;
      const header = allocate(current.task, bytes + OBJECT_HEADER);
      u32[header >>> 2] = type.id | (ObjectState.LIVE << 16);
      u32[(header >>> 2) + 1] = bytes;
      const addr = header + OBJECT_HEADER;
      platform.allocated(addr, bytes);
      return type.at(addr);
    },
    free(view) {
      const header = (view.addr - OBJECT_HEADER) >>> 2;
      const state = (u32[header] as number) >>> 16;
      const bytes = u32[header + 1] as number;
      platform.freed(view.addr, bytes);
      if (state !== ObjectState.LIVE) throw new DoubleFree(name, view.addr);
      u32[header] = type.id | (ObjectState.FREED << 16);
      u8.fill(POISON, view.addr, view.addr + bytes);
    },
  };
  structs.push(type);
  for (let i = 0; i < keys.length; i++) {
    const info = infos[i] as FieldInfo;
    const accessors = info.type.accessors?.(info);
    if (accessors !== undefined) Object.defineProperty(StructView.prototype, keys[i] as string, accessors);
  }
  return type;
}

/** kfree() of something that is not a live object. */
export class DoubleFree extends Error {
  constructor(name: string, addr: number) {
    super(`double free of a ${name} at 0x${addr.toString(16)}`);
    this.name = 'DoubleFree';
  }
}

/** The field needs one of these locks (class names such as 'kvm->slots_lock') to be read or written. */
export function guardedBy<F extends FieldType<unknown>>(field: F, ...locks: string[]): F {
  return { ...field, guard: { read: locks, write: locks } };
}

/** The field needs one of these locks to be written; anyone may read it. */
export function writeGuardedBy<F extends FieldType<unknown>>(field: F, ...locks: string[]): F {
  return { ...field, guard: { read: [], write: locks } };
}

/** Spells the field as the kernel does where that is not the snake case of its name. */
export function kernelName<F extends FieldType<unknown>>(name: string, field: F): F {
  return { ...field, kernelName: name };
}

/** Whoever takes the lock switches interrupts off for as long as it is held: spin_lock_irqsave() and its like. */
export function irqsOff<F extends FieldType<unknown>>(field: F): F {
  return { ...field, irqsOff: true };
}

function layout(fields: Fields, into: FieldInfo[], owner: () => AnyStruct, guard: Guard | undefined): number {
  let offset = 0;
  for (const [key, type] of Object.entries(fields)) {
    offset = Math.ceil(offset / type.align) * type.align;
    into.push({
      name: type.kernelName ?? snake(key),
      offset,
      size: type.size,
      type,
      get owner() {
        return owner();
      },
      guard: type.guard ?? (type.plain ? (guard ?? null) : null),
    });
    offset += type.size;
  }
  return (offset + 7) & ~7;
}

function snake(camel: string): string {
  return camel.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}
