/** Each entry is given back only when its page is armed. 6.1 does it the other way round. */
import { at, type Task } from '@faultline/machine';
import { resetDirtyGfn } from '../src/virt/dirty-ring.ts';
import { type DirtyRing, entryOf, KVM_DIRTY_GFN_F_RESET } from '../src/virt/dirty-ring-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/dirty-ring.ts#dirtyRingReset 3e00c7b3 */
export function* dirtyRingReset(kvm: Kvm, ring: DirtyRing): Task<number> {
  for (let count = 0; ; count++) {
    const index = yield* ring.resetIndex.readOnce();
    const entry = entryOf(ring, index);
    const flags = yield* entry.flags.loadAcquire(at('dirty.load_reset_flag'));
    if ((flags & KVM_DIRTY_GFN_F_RESET) === 0) return count;
    yield* resetDirtyGfn(kvm, { slot: entry.slot, offset: entry.offset, mask: 1n });
    yield* entry.flags.storeRelease(0);
    yield* ring.resetIndex.storeRelease((index + 1) >>> 0);
  }
}
