/**
 * Footprints: which words an operation touches and how. Two operations of different threads are dependent if their
 * footprints conflict; everything that the search prunes rests on this one relation.
 *
 * One word is packed into a non-negative integer (word index, mode, tag). Several words are a negative integer that
 * names an interned list. 0 is the empty footprint.
 */
export const Mode = {
  NONE: 0,
  READ: 1,
  WRITE: 2,
  /** An addition whose result nobody uses; commutes with others of its kind. */
  ADD: 3,
  READ_LOCK: 4,
  READ_UNLOCK: 5,
  /** A writer queues at a fair rwlock: stops new readers, concerns nobody else. */
  QUEUE: 6,
  /** A reader enters its outermost section of an SRCU domain. */
  ENTER: 7,
  /** It leaves; the tag is the section's number. */
  LEAVE: 8,
  /** A grace period waits for the section with this tag, and for no later one. */
  GRACE: 9,
  /** A store whose tag stands for its value; commutes with stores of the same value. */
  VALUE: 10,
} as const;

export const NO_FOOTPRINT = 0;
const WORD_SHIFT = 11;
const MODE_SHIFT = 7;
const TAG_MASK = 0x7f;
/** Words have 20 bits in a footprint. */
export const MAX_ARENA_BYTES = 4 << 20;

const ALWAYS = 1;
const IF_TAGS_EQUAL = 2;
const IF_TAGS_DIFFER = 3;
const relation = new Uint8Array(256);
/** Pairs of modes that do not commute. */
const pairs: readonly (readonly [number, readonly number[]])[] = [
  [Mode.READ, [Mode.WRITE, Mode.ADD, Mode.READ_LOCK, Mode.READ_UNLOCK, Mode.ENTER, Mode.LEAVE, Mode.VALUE]],
  [Mode.WRITE, [Mode.WRITE, Mode.ADD, Mode.READ_LOCK, Mode.READ_UNLOCK, Mode.ENTER, Mode.LEAVE, Mode.VALUE]],
  [Mode.ADD, [Mode.VALUE]],
  [Mode.QUEUE, [Mode.READ_LOCK]],
];
for (const [a, list] of pairs) for (const b of list) relation[(a << 4) | b] = relation[(b << 4) | a] = ALWAYS;
relation[(Mode.LEAVE << 4) | Mode.GRACE] = relation[(Mode.GRACE << 4) | Mode.LEAVE] = IF_TAGS_EQUAL;
relation[(Mode.VALUE << 4) | Mode.VALUE] = IF_TAGS_DIFFER;

/** The footprint of one word. */
export function footprint(addr: number, mode: number, tag = 0): number {
  return ((addr >>> 2) << WORD_SHIFT) | (mode << MODE_SHIFT) | tag;
}

export function wordOf(one: number): number {
  return one >>> WORD_SHIFT;
}

export function modeOf(one: number): number {
  return (one >>> MODE_SHIFT) & 15;
}

export function tagOf(one: number): number {
  return one & TAG_MASK;
}

/** Whether two footprints conflict. */
export function conflicts(a: number, b: number): boolean {
  if (a >= 0 && b >= 0) return (a ^ b) >>> WORD_SHIFT === 0 && sameWordConflicts(a, b);
  return listsConflict(a, b);
}

/** Whether two footprints of the same word conflict. */
export function sameWordConflicts(a: number, b: number): boolean {
  const how = relation[(((a >>> MODE_SHIFT) & 15) << 4) | ((b >>> MODE_SHIFT) & 15)];
  if (how <= ALWAYS) return how === ALWAYS;
  return ((a ^ b) & TAG_MASK) === 0 ? how === IF_TAGS_EQUAL : how === IF_TAGS_DIFFER;
}

function listsConflict(a: number, b: number): boolean {
  const m = partsOf(a);
  for (let x = 0; x < m; x++) {
    const one = partOf(a, x);
    const n = partsOf(b);
    for (let y = 0; y < n; y++) {
      const other = partOf(b, y);
      if ((one ^ other) >>> WORD_SHIFT === 0 && sameWordConflicts(one, other)) return true;
    }
  }
  return false;
}

/** Words of a footprint. */
export function partsOf(foot: number): number {
  if (foot >= 0) return foot === NO_FOOTPRINT ? 0 : 1;
  return lists[~foot].length;
}

export function partOf(foot: number, k: number): number {
  return foot >= 0 ? foot : lists[~foot][k];
}

let lists: Int32Array[] = [];
const interned = new Map<number, number[]>();

/** Forgets all lists: footprints from before are invalid. */
export function resetFootprints(): void {
  lists = [];
  interned.clear();
}

/** The footprint made of the first `n` one-word footprints of `parts`. */
export function footprintOf(parts: Int32Array, n: number): number {
  if (n === 0) return NO_FOOTPRINT;
  if (n === 1) return parts[0];
  let hash = n;
  for (let k = 0; k < n; k++) hash = (Math.imul(hash, 31) + parts[k]) | 0;
  let bucket = interned.get(hash);
  if (bucket === undefined) {
    bucket = [];
    interned.set(hash, bucket);
  }
  for (const id of bucket) if (sameList(lists[id], parts, n)) return ~id;
  bucket.push(lists.length);
  lists.push(parts.slice(0, n));
  return ~(lists.length - 1);
}

function sameList(list: Int32Array, parts: Int32Array, n: number): boolean {
  if (list.length !== n) return false;
  for (let k = 0; k < n; k++) if (list[k] !== parts[k]) return false;
  return true;
}
