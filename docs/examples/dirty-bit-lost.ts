/**
 * The second table of locking.rst: zapping an SPTE in two steps, because a read-only one cannot become dirty. It can,
 * since fast page fault makes it writable without mmu_lock.
 */
import { cell32, scenario, struct } from '@faultline/machine';

const W = 1;
const ACCESSED = 2;
const DIRTY = 4;
const Page = struct('page', { spte: cell32 });

export const dirtyBitLost = scenario('example/dirty-bit-lost', {
  source: 'Documentation/virt/kvm/locking.rst, "Dirty bit tracking"',
  *setup() {
    const page = Page.alloc();
    yield* page.spte.writeOnce(ACCESSED);
    return page;
  },
  threads: {
    *zap({ spte }) {
      const old = yield* spte.readOnce();
      if ((old & ACCESSED) === 0 || (old & W) !== 0) return (yield* spte.xchg(0)) & DIRTY;
      yield* spte.writeOnce(0);
      return old & DIRTY;
    },
    *vcpu0({ spte }) {
      const old = yield* spte.readOnce();
      if (old === 0) return 0;
      yield* spte.cmpxchg(old, old | W);
      // The walker sets the Dirty bit as part of the write.
      return (yield* spte.cmpxchg(old | W, old | W | DIRTY)) === (old | W) ? DIRTY : 0;
    },
  },
  always: {
    'a page that was written is found dirty': ({ results }) => results.vcpu0 === 0 || results.zap === DIRTY,
  },
  sometimes: { 'the guest writes': ({ results }) => results.vcpu0 === DIRTY },
});
