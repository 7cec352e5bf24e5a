/** The cores of two KVM races, with everything around them left out. */
import type { AnyScenario, Task } from '@faultline/machine';
import { program, type SharedState, times } from './program.ts';

const SPTE = 0;
const WROTE = 1;
const SAW_DIRTY = 2;
const WRITABLE = 1;
const ACCESSED = 2;
const DIRTY = 4;

/**
 * The fast page fault against a zap: vCPUs make one SPTE writable and write through it, setting its dirty bit.
 * Fixed, the zapper exchanges the SPTE: 96 traces with two vCPUs, 6524 with three. Otherwise it stores zero when it read the
 * SPTE as not writable, and in one of the nine traces of one vCPU the dirty bit is lost.
 */
export function fastPageFault(vcpus: number, fixed = true): AnyScenario {
  const zapper = function* (s: SharedState): Task {
    let old: number;
    if (fixed) {
      old = yield* s.word(SPTE).xchg(0);
    } else {
      old = yield* s.word(SPTE).readOnce();
      if ((old & ACCESSED) !== 0 && (old & WRITABLE) === 0) yield* s.word(SPTE).writeOnce(0);
      else old = yield* s.word(SPTE).xchg(0);
    }
    s.word(SAW_DIRTY).poke(old & DIRTY);
  };
  const vcpu = function* (s: SharedState): Task {
    const old = yield* s.word(SPTE).readOnce();
    if (old !== 0 && (old & WRITABLE) === 0) yield* s.word(SPTE).cmpxchg(old, old | WRITABLE);
    const spte = yield* s.word(SPTE).readOnce();
    if ((spte & WRITABLE) === 0) return;
    if ((yield* s.word(SPTE).cmpxchg(spte, spte | DIRTY)) === spte) yield* s.word(WROTE).writeOnce(1);
  };
  const found = (s: SharedState) =>
    s.word(WROTE).peek() === 0 || s.word(SAW_DIRTY).peek() !== 0 || (s.word(SPTE).peek() & DIRTY) !== 0;
  return program('fast-page-fault', [zapper, ...times(vcpus, () => vcpu)], {
    init: { [SPTE]: ACCESSED },
    always: { 'a guest write leaves a dirty bit': found },
  });
}

const INDEX = 0;
const READERS = 1;
const MEMSLOTS = 3;
const GENERATION = 4;

/**
 * The memslot generation: vCPUs decide from the memslots inside a read section and tag the decision with the generation; the
 * updater publishes new memslots with a transient generation, waits for both halves of a two-phase grace period written
 * out, and bumps the generation once more. 15, 68, 189 traces with one vCPU and 1, 2, 3 exits.
 */
export function memslotGeneration(vcpus: number, exits: number): AnyScenario {
  const vcpu = function* (s: SharedState): Task<number> {
    let cached = -1;
    let tag = -1;
    for (let exit = 0; exit < exits; exit++) {
      const half = yield* s.word(INDEX).readOnce();
      yield* s.word(READERS + half).fetchAdd(1);
      if ((yield* s.word(GENERATION).readOnce()) !== tag) {
        cached = yield* s.word(MEMSLOTS).readOnce();
        tag = yield* s.word(GENERATION).readOnce();
      }
      yield* s.word(READERS + half).fetchAdd(0xffff_ffff);
    }
    return tag * 2 + cached;
  };
  const updater = function* (s: SharedState): Task {
    yield* s.word(MEMSLOTS).writeOnce(1);
    yield* s.word(GENERATION).writeOnce(1);
    for (const half of [0, 1]) {
      yield* s.word(INDEX).writeOnce(1 - half);
      yield* s.word(READERS + half).awaitEqual(0);
    }
    yield* s.word(GENERATION).writeOnce(2);
  };
  return program('memslot-generation', [...times(vcpus, () => vcpu), updater]);
}
