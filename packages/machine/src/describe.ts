/** Names for addresses: every byte of the arena belongs to an object of a known type. */
import { regionsUsed, u32 } from './arena.ts';
import { type AnyStruct, type FieldInfo, OBJECT_HEADER, ObjectState, structById } from './struct.ts';

export interface Place {
  /** As kernel code spells it: `kvm->slots_lock`, `slots->generation`. */
  readonly text: string;
  /** The field alone: `slots_lock`. */
  readonly field: string;
  readonly object: AnyStruct | null;
  readonly objectAddr: number;
  readonly info: FieldInfo | null;
  readonly freed: boolean;
}

/** Says what stands at `addr`. */
export function describe(addr: number): Place {
  const found = objectAt(addr);
  if (found === null) {
    return {
      text: `0x${addr.toString(16)}`,
      field: '',
      object: null,
      objectAddr: 0,
      info: null,
      freed: false,
    };
  }
  const { type, start, freed } = found;
  const { path, info } = fieldPath(type, addr - start);
  return {
    text: path === '' ? type.as : `${type.as}->${path}`,
    field: path,
    object: type,
    objectAddr: start,
    info,
    freed,
  };
}

export interface ArenaObject {
  readonly type: AnyStruct;
  readonly start: number;
  readonly bytes: number;
  readonly freed: boolean;
}

/**
 * The variable that stands for an object in diagrams: `slots`, and `slots(2)` for the second of its type.
 * Null if no object stands there.
 */
export function variableAt(addr: number): string | null {
  const all = objects();
  const object = all.find((o) => addr >= o.start && addr < o.start + o.bytes);
  if (object === undefined) return null;
  const alike = all.filter((o) => o.type === object.type);
  const nth = alike.indexOf(object);
  return nth === 0 ? object.type.as : `${object.type.as}(${nth + 1})`;
}

/** Every live or freed object, region by region in address order. */
export function objects(): ArenaObject[] {
  const found: ArenaObject[] = [];
  for (const { from, to } of regionsUsed().slice(1)) {
    let at = from;
    while (at + OBJECT_HEADER <= to) {
      const word = u32[at >>> 2] as number;
      const bytes = u32[(at >>> 2) + 1] as number;
      const type = structById(word & 0xffff);
      if (type === undefined) break;
      found.push({ type, start: at + OBJECT_HEADER, bytes, freed: word >>> 16 === ObjectState.FREED });
      at = (at + OBJECT_HEADER + bytes + 7) & ~7;
    }
  }
  return found;
}

function objectAt(addr: number): ArenaObject | null {
  return objects().find((o) => addr >= o.start && addr < o.start + o.bytes) ?? null;
}

function fieldPath(type: AnyStruct, offset: number): { path: string; info: FieldInfo | null } {
  const info = type.fields.findLast((f) => f.offset <= offset) ?? null;
  if (info === null) return { path: '', info: null };
  const inside = offset - info.offset;
  const { inner, count } = info.type;
  const isArray = info.type.label.endsWith('[]');
  if (!isArray) {
    if (inner === null || inside === 0) return { path: info.name, info };
    const below = fieldPath(inner, inside);
    return { path: `${info.name}.${below.path}`, info: below.info };
  }
  const stride = inner?.size ?? info.type.codec?.size ?? (count > 0 ? info.size / count : 8);
  const index = Math.floor(inside / stride);
  if (inner === null) return { path: `${info.name}[${index}]`, info };
  const below = fieldPath(inner, inside % stride);
  return { path: `${info.name}[${index}].${below.path}`, info: below.info };
}
