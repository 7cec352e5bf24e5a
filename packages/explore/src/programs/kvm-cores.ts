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
