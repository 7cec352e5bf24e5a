/** KVM_CLEAR_DIRTY_LOG arms the pages first, and clears their bits afterwards. */
import type { Task } from '@faultline/machine';
import { type ClearDirtyLog, maskOf } from '../src/virt/clear-dirty-log.ts';
import { rearmMasked } from '../src/virt/get-dirty-log.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslot } from '../src/virt/memslots.ts';

/** @replaces packages/kvm/src/virt/clear-dirty-log.ts#clearDirtyBits 7d458f29 */
export function* clearDirtyBits(kvm: Kvm, slot: Memslot, log: ClearDirtyLog): Task<boolean> {
  const { words } = slot.dirtyBitmap as NonNullable<Memslot['dirtyBitmap']>;
  const first = log.firstPage / 32;
  let flush = false;
  for (let i = 0; i * 32 < log.numPages; i++) {
    const asked = maskOf(log, i);
    if (asked === 0) continue;
    flush = (yield* rearmMasked(kvm, slot, first + i, asked)) || flush;
    flush = (asked & (yield* words.at(first + i).fetchAndnot(asked))) !== 0 || flush;
  }
  return flush;
}
