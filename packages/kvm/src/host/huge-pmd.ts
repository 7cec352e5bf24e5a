/**
 * @area notifier
 *
 * Huge pages of the host: a range of its page table that one entry maps as a whole, to frames that follow each other. Who
 * wants to change one page of it splits the range first.
 *
 * Simpler than the kernel in two ways. The table that lies ready for the split is filled from the start: it says nothing
 * as long as the range is huge, and from the split on what the range said. And each frame of a huge page has a reference
 * count of its own, of which the mapping holds one, as if the page were split already: so a split moves no references.
 */
import type { Cell, Task } from '@faultline/machine';
import { type Hva, PAGE_SIZE, type Pfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { invalidateRangeEnd, invalidateRangeStart } from '../virt/mmu-notifier.ts';
import type { Gup } from './gup.ts';
import { type MmStruct, PMD_HUGE, PTE_WRITABLE, ptePfn, putPage } from './mm.ts';

/**
 * The range around `hva` is mapped page by page from here on. The whole of it is announced, whichever page the caller is
 * about to change: no huge mapping of a guest outlives it, and none is made from what a fault read before.
 *
 * @kernel __split_huge_pmd mm/huge_memory.c
 */
export function* splitHugePmd(kvm: Kvm, hva: Hva): Task {
  const mm = kvm.mmStruct as MmStruct;
  if (mm.rangePages === 0) return;
  const pmdp = pmdOf(mm, Math.floor(hva / PAGE_SIZE));
  if (((yield* pmdp.readOnce()) & PMD_HUGE) === 0n) return;
  const size = mm.rangePages * PAGE_SIZE;
  const start = (hva - (hva % size)) as Hva;
  const end = (start + size) as Hva;
  announce_split: yield* invalidateRangeStart(kvm, start, end);
  yield* pmdp.writeOnce(0n);
  announce_split: yield* invalidateRangeEnd(kvm, start, end);
}

/** Level that the host maps an address with: 2 for a huge page. Without a lock: good only if nothing was invalidated since. @kernel host_pfn_mapping_level arch/x86/kvm/mmu/mmu.c */
export function* hostPfnMappingLevel(mm: MmStruct, hva: Hva): Task<number> {
  return ((yield* pmdOf(mm, Math.floor(hva / PAGE_SIZE)).readOnce()) & PMD_HUGE) === 0n ? 1 : 2;
}

/** The frame of a page that is part of a huge one, with a reference; null if it is none, or not for long enough. @kernel follow_trans_huge_pmd mm/huge_memory.c */
export function* gupHuge(mm: MmStruct, index: number): Task<Gup | null> {
  const pmdp = pmdOf(mm, index);
  const pmd = yield* pmdp.readOnce();
  if ((pmd & PMD_HUGE) === 0n) return null;
  const pfn = (ptePfn(pmd) + (index % mm.rangePages)) as Pfn;
  yield* mm.page.at(pfn).refcount.fetchAdd(1);
  // As with small pages: a reference counts only if the entry still names the frame.
  if ((yield* pmdp.readOnce()) === pmd) return { pfn, writable: (pmd & PTE_WRITABLE) !== 0n };
  yield* putPage(mm, pfn);
  return null;
}

function pmdOf(mm: MmStruct, index: number): Cell<bigint> {
  return mm.pmds.at(Math.floor(index / mm.rangePages));
}
