/** Frames that change hands: the host takes one away from the guest and gives it to somebody else at once. */
import type { Hva } from '@faultline/kvm';
import { allocFrame, putPage, swapOut } from '@faultline/kvm/seams';
import type { Task } from '@faultline/machine';
import { HVA0, type MmuVm } from './mmu-vm.ts';

/** What the next owner of a freed frame keeps there. */
export const SECRET = 0x5ec3e7n;

/** Swaps a page out, the one at address 0 when left out. Returns the frame that its next owner got, or -1. */
export function* takeAway({ kvm, mm }: MmuVm, page: Hva = HVA0): Task<number> {
  const freed = yield* swapOut(kvm, page);
  return freed === null ? -1 : yield* giveAway(mm);
}

/** Somebody else gets a free frame, and writes there. */
export function* giveAway(mm: MmuVm['mm']): Task<number> {
  const taken = yield* allocFrame(mm);
  if (taken === null) return -1;
  yield* mm.page.at(taken).content.writeOnce(SECRET);
  return taken;
}

/** Somebody else uses a free frame for a while. Returns how often it was overwritten meanwhile. */
export function* lendFrame(mm: MmuVm['mm']): Task<number> {
  const taken = yield* allocFrame(mm);
  if (taken === null) return 0;
  const { content } = mm.page.at(taken);
  yield* content.writeOnce(SECRET);
  let overwritten = 0;
  for (let look = 0; look < 8; look++) if ((yield* content.readOnce()) !== SECRET) overwritten++;
  yield* putPage(mm, taken);
  return overwritten;
}

/** The next owner finds what it wrote. */
export const kept = (taken: number, { mm }: MmuVm): boolean =>
  taken < 0 || mm.page.at(taken).content.peek() === SECRET;

/** What a page of the VMM holds, wherever it is: what the guest would read next. */
export function contentOfPage({ mm }: MmuVm, page: number): bigint {
  const pte = mm.ptes.at(page).peek();
  return (pte & 1n) !== 0n ? mm.page.at(Number(pte >> 12n)).content.peek() : mm.swap.at(page).peek();
}

/** The same of page 0, which most scenarios have only. */
export const contentOfPage0 = (vm: MmuVm): bigint => contentOfPage(vm, 0);
