/** A harvest protects the pages that the bitmap names, and takes the bits afterwards. */
import type { Task } from '@faultline/machine';
import { rearmMasked } from '../src/virt/get-dirty-log.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslot } from '../src/virt/memslots.ts';

/** @replaces packages/kvm/src/virt/get-dirty-log.ts#takeDirtyBits 10136329 */
export function* takeDirtyBits(kvm: Kvm, slot: Memslot, taken: number[]): Task<boolean> {
  const bitmap = slot.dirtyBitmap as NonNullable<Memslot['dirtyBitmap']>;
  let flush = false;
  for (let word = 0; word * 32 < slot.npages; word++) {
    const seen = yield* bitmap.words.at(word).readOnce();
    flush = (yield* rearmMasked(kvm, slot, word, seen)) || flush;
    const bits = yield* bitmap.words.at(word).xchg(0);
    flush = flush || bits !== 0;
    taken.push(bits);
  }
  return flush;
}
