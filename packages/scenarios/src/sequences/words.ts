/** Calls on single words and locks: every visible operation on every type of cell. */
import {
  type Cell,
  cell32,
  cell53,
  cell64,
  choose,
  fairRwlock,
  generationCell,
  mutex,
  ptrCell,
  rwlock,
  smpMb,
  spinlock,
  srcu,
  struct,
  type Task,
  u32Field,
  type ViewType,
} from '@faultline/machine';

const Node = struct('sequence_node', { value: u32Field });

const Words = struct('sequence_words', {
  u32: cell32,
  u53: cell53,
  u64: cell64,
  generation: generationCell,
  node: ptrCell(() => Node),
  mutex,
  spinlock,
  rwlock,
  fair: fairRwlock,
  srcu,
});
export type Words = ViewType<typeof Words>;

export type WordOperation =
  | 'load'
  | 'store'
  | 'release'
  | 'store and fence'
  | 'xchg'
  | 'cmpxchg'
  | 'add'
  | 'and'
  | 'or'
  | 'andnot'
  | 'await';

export type WordCall =
  | {
      readonly call: 'word';
      readonly cell: 'u32' | 'u53' | 'u64' | 'generation';
      readonly operation: WordOperation;
      /** `cmpxchg` takes the value that stands there where `hit`. */
      readonly hit: boolean;
      readonly a: bigint;
      readonly b: bigint;
    }
  | { readonly call: 'node'; readonly operation: 'new' | 'free' | 'read' }
  | { readonly call: 'lock'; readonly lock: 'mutex' | 'spinlock' | 'rwlock' | 'fair'; readonly read: boolean }
  | { readonly call: 'try' }
  | { readonly call: 'srcu' }
  | { readonly call: 'choose'; readonly n: number };

export function makeWords(): Words {
  const words = Words.alloc();
  words.srcu.init('real', 2);
  return words;
}

export function* wordCall(words: Words, call: WordCall): Task<unknown> {
  switch (call.call) {
    case 'word':
      if (call.cell === 'u64') return yield* operate(words.u64, call.operation, call.hit, call.a, call.b);
      return yield* operate(words[call.cell], call.operation, call.hit, Number(call.a), Number(call.b));
    case 'node':
      return yield* nodeCall(words, call.operation);
    case 'lock':
      return yield* lockCall(words, call.lock, call.read);
    case 'try': {
      const first = yield* words.mutex.tryLock();
      const second = yield* words.mutex.tryLock();
      yield* words.mutex.unlock();
      return [first, second];
    }
    case 'srcu': {
      const idx = yield* words.srcu.readLock();
      yield* words.srcu.readUnlock(idx);
      yield* words.srcu.synchronize();
      return idx;
    }
    case 'choose':
      return yield* choose('one of', call.n);
  }
}

function* operate<T>(cell: Cell<T>, operation: WordOperation, hit: boolean, a: T, b: T): Task<unknown> {
  switch (operation) {
    case 'load':
      return yield* cell.loadAcquire();
    case 'store':
      return yield* cell.writeOnce(a);
    case 'release':
      return yield* cell.storeRelease(a);
    case 'store and fence':
      yield* cell.smpStoreMb(a);
      return yield* smpMb();
    case 'xchg':
      return yield* cell.xchg(a);
    case 'cmpxchg':
      return yield* cell.cmpxchg(hit ? cell.peek() : a, b);
    case 'add':
      return yield* cell.fetchAdd(a);
    case 'and':
      return yield* cell.fetchAnd(a);
    case 'or':
      return yield* cell.fetchOr(a);
    case 'andnot':
      return yield* cell.fetchAndnot(a);
    case 'await':
      return yield* cell.awaitEqual(cell.peek());
  }
}

function* nodeCall({ node }: Words, operation: 'new' | 'free' | 'read'): Task<unknown> {
  if (operation === 'read') return (yield* node.rcuDereference())?.value;
  const next = operation === 'new' ? Node.alloc() : null;
  if (next !== null) next.value = 7;
  const old = yield* node.xchg(next);
  if (old !== null) Node.free(old);
  return [old, next];
}

function* lockCall(words: Words, lock: 'mutex' | 'spinlock' | 'rwlock' | 'fair', read: boolean): Task {
  if (lock === 'mutex' || lock === 'spinlock') {
    yield* words[lock].lock();
    yield* words[lock].unlock();
  } else if (read) {
    yield* words[lock].readLock();
    yield* words[lock].readLock();
    yield* words[lock].readUnlock();
    yield* words[lock].readUnlock();
  } else {
    yield* words[lock].writeLock();
    yield* words[lock].writeUnlock();
  }
}
