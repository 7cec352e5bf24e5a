/**
 * @area notifier
 *
 * The host puts small pages together again: their contents move to frames that follow each other, and one entry maps
 * those. To a guest it is a page that moves, many times at once.
 */
import type { Cell, Task } from '@faultline/machine';
import { type Hva, PAGE_SIZE, type Pfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { invalidateRangeEnd, invalidateRangeStart } from '../virt/mmu-notifier.ts';
import {
  hostPte,
  type MmStruct,
  PMD_HUGE,
  PTE_BUSY,
  PTE_PRESENT,
  PTE_WRITABLE,
  ptePfn,
  putPage,
  REFS_FROZEN,
} from './mm.ts';

/**
 * Makes the range around `hva` a huge page. False if it is one, or is not all in memory and writable, or somebody holds a
 * reference to a frame of it, or no frames are free that follow each other.
 *
 * @kernel collapse_huge_page mm/khugepaged.c
 */
export function* collapseHugePage(kvm: Kvm, hva: Hva): Task<boolean> {
  const mm = kvm.mmStruct as MmStruct;
  const pages = mm.rangePages;
  const first = Math.floor(hva / PAGE_SIZE / pages) * pages;
  const pmdp = mm.pmds.at(first / pages);
  if (((yield* pmdp.readOnce()) & PMD_HUGE) !== 0n) return false;
  const frames = yield* allocHugeFrames(mm);
  if (frames === null) return false;

  const start = (first * PAGE_SIZE) as Hva;
  const end = (start + pages * PAGE_SIZE) as Hva;
  yield* invalidateRangeStart(kvm, start, end);
  const taken = yield* isolatePages(mm, first);
  yield* invalidateRangeEnd(kvm, start, end);
  // From here on nobody maps the pages, and who wants one waits for its entry.
  if (taken.length < pages || !(yield* freezeFrames(mm, taken))) {
    for (const [i, pte] of taken.entries()) yield* mm.ptes.at(first + i).writeOnce(pte);
    for (let i = 0; i < pages; i++) yield* putPage(mm, (frames + i) as Pfn);
    return false;
  }
  for (const [i, pte] of taken.entries()) {
    const [from, to] = [mm.page.at(ptePfn(pte)), mm.page.at(frames + i)];
    yield* to.content.writeOnce(yield* from.content.readOnce());
    yield* to.flags.writeOnce(yield* from.flags.readOnce());
    yield* from.refcount.fetchAdd(-REFS_FROZEN);
    yield* mm.ptes.at(first + i).writeOnce(hostPte((frames + i) as Pfn, true));
  }
  yield* pmdp.writeOnce(hostPte(frames, true) | PMD_HUGE);
  return true;
}

/** The first of as many free frames as a huge page has, aligned, each with one reference; null if there are none. */
function* allocHugeFrames(mm: MmStruct): Task<Pfn | null> {
  for (let first = 0; first + mm.rangePages <= mm.frames; first += mm.rangePages) {
    let got = 0;
    while (got < mm.rangePages && (yield* mm.page.at(first + got).refcount.cmpxchg(0, 1)) === 0) got++;
    if (got === mm.rangePages) return first as Pfn;
    while (got > 0) yield* putPage(mm, (first + --got) as Pfn);
  }
  return null;
}

/** Takes the entries of the range, up to the first that holds no page of its own. @kernel __collapse_huge_page_isolate mm/khugepaged.c */
function* isolatePages(mm: MmStruct, first: number): Task<bigint[]> {
  const taken: bigint[] = [];
  for (let i = 0; i < mm.rangePages; i++) {
    const ptep: Cell<bigint> = mm.ptes.at(first + i);
    const pte = yield* ptep.readOnce();
    const own = (pte & PTE_PRESENT) !== 0n && (pte & PTE_WRITABLE) !== 0n;
    if (!own || (yield* ptep.cmpxchg(pte, PTE_BUSY)) !== pte) break;
    taken.push(pte);
  }
  return taken;
}

/** The last references go with the entries: false, and nothing changed, if somebody holds another. @kernel folio_ref_freeze */
function* freezeFrames(mm: MmStruct, taken: readonly bigint[]): Task<boolean> {
  for (const [i, pte] of taken.entries()) {
    if ((yield* mm.page.at(ptePfn(pte)).refcount.cmpxchg(1, REFS_FROZEN)) === 1) continue;
    // Added, not stored: a gup that comes too late takes a reference and puts it again.
    for (const frozen of taken.slice(0, i))
      yield* mm.page.at(ptePfn(frozen)).refcount.fetchAdd(1 - REFS_FROZEN);
    return false;
  }
  return true;
}
