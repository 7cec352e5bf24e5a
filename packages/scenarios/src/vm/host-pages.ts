/** How a VMM reads and writes the memory of its guest: through its own mapping, which brings pages in from swap. */
import { hva, type Kvm, PAGE_SIZE } from '@faultline/kvm';
import { hvaToPfnPinned, type MmStruct, putPage, setPfnDirty } from '@faultline/kvm/seams';
import type { Task } from '@faultline/machine';

/** The page of the VMM's address space; slot 0 begins at its address 0. */
export function* readPage(kvm: Kvm, page: number): Task<bigint> {
  const mm = kvm.mmStruct as MmStruct;
  const gup = yield* hvaToPfnPinned(kvm, hva(page * PAGE_SIZE), false);
  if (gup === null) throw new Error(`page ${page} is not mapped by the VMM`);
  const value = yield* mm.page.at(gup.pfn).content.readOnce();
  yield* putPage(mm, gup.pfn);
  return value;
}

export function* writePage(kvm: Kvm, page: number, value: bigint): Task {
  const mm = kvm.mmStruct as MmStruct;
  const gup = yield* hvaToPfnPinned(kvm, hva(page * PAGE_SIZE), true);
  if (gup === null) throw new Error(`page ${page} may not be written by the VMM`);
  yield* mm.page.at(gup.pfn).content.writeOnce(value);
  yield* setPfnDirty(mm, gup.pfn);
  yield* putPage(mm, gup.pfn);
}
