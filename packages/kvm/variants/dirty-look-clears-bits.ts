/** Under manual protection a harvest takes the bits, instead of copying them. */
import type { Task } from '@faultline/machine';
import type { Memslot } from '../src/virt/memslots.ts';

/** @replaces packages/kvm/src/virt/get-dirty-log.ts#copyDirtyBits 80bc71e3 */
export function* copyDirtyBits(slot: Memslot): Task<number[]> {
  const bitmap = slot.dirtyBitmap as NonNullable<Memslot['dirtyBitmap']>;
  const copy: number[] = [];
  for (let word = 0; word * 32 < slot.npages; word++) copy.push(yield* bitmap.words.at(word).xchg(0));
  return copy;
}
