/**
 * The threads platform: an operation happens when it is called. Same exports as the explored platform of the machine; the
 * threads build puts this module in its place and erases every `yield*`, so what is typed as a task here is its result.
 *
 * All accesses are sequentially consistent: Atomics know no weaker order, which allows fewer outcomes than the kernel's.
 */
import {
  type Codec,
  current,
  decode,
  encode,
  type FieldInfo,
  halves,
  Kind,
  MAX_LIST,
  Order,
  type Step,
  type Task,
  Until,
  type Watch,
} from '@faultline/machine';
import { chaotic, perturb } from './platform/chaos.ts';
import { nextChoice } from './platform/choices.ts';
import { ExploredOnly } from './platform/failures.ts';
import { lockOperation } from './platform/locks.ts';
import { self } from './platform/self.ts';
import { beginWait, LOOKS, nap, parkOn, wakeOn } from './platform/waiting.ts';
import {
  atomicCmpxchg,
  atomicLoad,
  atomicModify,
  atomicStore,
  modified,
  readHalves,
  seen,
} from './platform/words.ts';

/** Abstract levels need a driver that knows who is inside: threads always run the real one. */
export const EXPLORED = false;

export type { Watch };

/** Events that are not visible operations have no observer here; WARNs are kept for the round. */
export function setWatch(_next: Watch | null): void {}
export function plainRead(_addr: number, _size: number, _field: FieldInfo): void {}
export function plainWrite(_addr: number, _size: number, _field: FieldInfo): void {}
export function allocated(_addr: number, _bytes: number): void {}
export function freed(_addr: number, _bytes: number): void {}
export function traced(_name: string, _text: string): void {}
export function sectionEntered(_domain: number, _idx: number): void {}
export function sectionLeft(_domain: number, _idx: number): void {}

export function warned(text: string): void {
  self.warnings.push(text);
}

export function migrated(cpu: number): void {
  current.cpu = cpu;
}

export function load<T>(addr: number, codec: Codec, _order: number, _step?: Step): Task<T> {
  if (chaotic) perturb();
  return result(atomicLoad(addr, codec));
}

export function modify<T>(
  kind: number,
  addr: number,
  codec: Codec,
  value: unknown,
  _order: number,
  step?: Step,
): Task<T> {
  if (chaotic) perturb();
  if (kind === Kind.STORE) return result(atomicStore(addr, codec, value));
  if (step === undefined || !step.off) return result(atomicModify(kind, addr, codec, value));
  const old = atomicLoad(addr, codec);
  if (chaotic) perturb();
  atomicStore(addr, codec, modified(kind, codec, old, value));
  return result(old);
}

export function cmpxchg<T>(
  addr: number,
  codec: Codec,
  old: unknown,
  next: unknown,
  _order: number,
  step?: Step,
): Task<T> {
  if (chaotic) perturb();
  if (step === undefined || !step.off) return result(atomicCmpxchg(addr, codec, old, next));
  // Weakened: nobody compares, and the caller is told that it won.
  atomicStore(addr, codec, next);
  return result(old);
}

/** Any locked operation is a full fence; each worker has a word of its own for it. */
const fenceWord = new Int32Array(new SharedArrayBuffer(4));

export function fence(order: number, step?: Step): Task {
  if (chaotic) perturb();
  const free = order === Order.BARRIER || order === Order.MB_AFTER_ATOMIC;
  if (!free && (step === undefined || !step.off)) Atomics.add(fenceWord, 0, 1);
  return result(undefined);
}

export function lockOp<T = void>(kind: number, addr: number, step?: Step, _irqsOn = false): Task<T> {
  if (step?.off === true) return result(kind === Kind.MUTEX_TRYLOCK ? 1 : undefined);
  return result(lockOperation(kind, addr));
}

export function srcuOp<T>(_kind: number, _addr: number, _lo: number, _hi: number, _step?: Step): Task<T> {
  throw new ExploredOnly('the abstract SRCU');
}

export function awaitCell<T>(
  addr: number,
  codec: Codec,
  until: number,
  value: unknown,
  mask: unknown,
  step?: Step,
): Task<T> {
  if (chaotic) perturb();
  // Weakened: looks, and does not wait.
  if (step?.off === true) return result(atomicLoad(addr, codec));
  encode(codec, value);
  const { lo, hi } = halves;
  let maskLo = 0xffff_ffff;
  let maskHi = 0xffff_ffff;
  if (mask !== undefined) {
    encode(codec, mask);
    maskLo = halves.lo;
    maskHi = halves.hi;
  }
  for (let look = 0; ; look++) {
    readHalves(addr, codec.size);
    const equal = ((seen.lo ^ lo) & maskLo) === 0 && ((seen.hi ^ hi) & maskHi) === 0;
    if (equal === (until === Until.EQ)) return result(decode(codec, seen.lo, seen.hi));
    if (look === 0) beginWait();
    if (look >= LOOKS) nap(`waits until it ${until === Until.EQ ? 'is' : 'is no longer'} ${value}:`, addr);
  }
}

/** The list of the operation that is being put together. */
let listKind = 0;
let listWeak = false;
let listLength = 0;
const listAddr = new Uint32Array(MAX_LIST);
const listLo = new Uint32Array(MAX_LIST);
const listHi = new Uint32Array(MAX_LIST);
const listSize = new Uint8Array(MAX_LIST);

export function listOp(kind: number, _order: number, step?: Step): Task {
  listKind = kind;
  listWeak = step?.off === true;
  listLength = 0;
  return result(undefined);
}

export function listCell(addr: number, codec: Codec, value: unknown): void {
  if (listLength >= MAX_LIST) throw new RangeError(`an operation lists at most ${MAX_LIST} cells`);
  listAddr[listLength] = addr;
  listSize[listLength] = codec.size;
  if (value !== undefined) {
    encode(codec, value);
    listLo[listLength] = halves.lo;
    listHi[listLength] = halves.hi;
  }
  listLength++;
}

/**
 * RETRY waits for a change of a listed cell. ATOMIC holds trivially while one thread runs; beside others it cannot: every
 * access to these cells anywhere would have to look at a common lock first, and pay for it.
 */
export function endList(_task: Task): Task {
  if (chaotic) perturb();
  if (listKind === Kind.ATOMIC) {
    if (!self.alone) throw new ExploredOnly('an atomic section');
    return result(undefined);
  }
  if (listWeak) return result(undefined);
  beginWait();
  for (let look = 0; !listChanged(); look++) {
    if (look >= LOOKS) nap('waits for a change of', listAddr[0]);
  }
  return result(undefined);
}

function listChanged(): boolean {
  for (let i = 0; i < listLength; i++) {
    readHalves(listAddr[i], listSize[i]);
    if (seen.lo !== listLo[i] || seen.hi !== listHi[i]) return true;
  }
  return false;
}

export function choose(_text: string, n: number, _step?: Step): Task<number> {
  return result(nextChoice(n));
}

export function park(addr: number, expected: number): Task {
  if (chaotic) perturb();
  return result(parkOn(addr, expected));
}

export function unpark(addr: number, all: boolean): Task {
  if (chaotic) perturb();
  return result(wakeOn(addr, all));
}

function result<T>(value: unknown): Task<T> {
  return value as Task<T>;
}
