/**
 * @area notifier
 *
 * The address space of the VMM process: a host page table whose entries the memory manager changes at any time, and the
 * frames behind them. Every change that takes a frame away is announced first: see reclaim.ts, ksm.ts,
 * migrate.ts and unmap.ts.
 */
import {
  array,
  type Cell,
  cell32,
  cell64,
  type Elements,
  embed,
  retryAfterChange,
  type Seen,
  type StructType,
  struct,
  type Task,
  u32Field,
  type View,
} from '@faultline/machine';
import type { Pfn } from '../types.ts';

/** A frame. @kernel struct page include/linux/mm_types.h */
export interface Page extends View {
  /** PG_dirty: its content is newer than what is on disk. Accessed: somebody used it since it was last aged. */
  readonly flags: Cell<number>;
  /** References that keep it from being freed: one for each host PTE, one for each gup in progress. */
  readonly refcount: Cell<number>;
  readonly content: Cell<bigint>;
}

/** Reference count of a frame that is neither used nor free; references that are taken by mistake come on top. */
export const REFS_FROZEN = 1 << 30;

export const PG_DIRTY = 1;
export const PG_ACCESSED = 2;

const PageStruct: StructType<Page> = struct(
  'page',
  { flags: cell32, refcount: cell32, content: cell64 },
  { as: 'page' },
);

/** @kernel struct mm_struct include/linux/mm_types.h */
export interface MmStruct extends View {
  /** Pages of the address space, and frames of the host. */
  pages: number;
  frames: number;
  /** One entry a page: see the bits below. */
  readonly ptes: Elements<Cell<bigint>>;
  /** What swap holds for each page of the address space. */
  readonly swap: Elements<Cell<bigint>>;
  readonly page: Elements<Page>;
  /** Pages that one entry of `pmds` covers; 0 where the host has no huge pages. */
  rangePages: number;
  /** One entry a range of pages: what it is mapped to as a whole, 0 if page by page. See huge-pmd.ts. */
  readonly pmds: Elements<Cell<bigint>>;
  /** 1 while somebody reaps it who may not sleep: see oom-reaper.ts. */
  readonly nonBlockCount: Cell<number>;
}

/** The largest model: pages, and frames. */
const MAX_PAGES = 256;
const MAX_FRAMES = 264;

export const MmStruct: StructType<MmStruct> = struct(
  'mm_struct',
  {
    pages: u32Field,
    frames: u32Field,
    ptes: array(cell64, MAX_PAGES),
    swap: array(cell64, MAX_PAGES),
    page: array(embed(PageStruct), MAX_FRAMES),
    rangePages: u32Field,
    pmds: array(cell64, MAX_PAGES / 2),
    nonBlockCount: cell32,
  },
  { as: 'mm' },
);

/** Bits of a host PTE, as x86 has them; a PTE that is not present but not 0 names what swap holds. */
export const PTE_PRESENT = 1n;
export const PTE_WRITABLE = 1n << 1n;
export const PTE_SWAPPED = 1n << 8n;
/** Read-only because the frame is shared: a write gets a copy. Without it, read-only because the VMM wants it so. */
export const PTE_COW = 1n << 10n;
/** Somebody is changing the entry, or moving the page: a migration entry, or the page-table lock held. */
export const PTE_BUSY = 1n << 9n;

/** In an entry of `pmds`: the range is one huge page. */
export const PMD_HUGE = 1n << 7n;

export const hostPte = (pfn: Pfn, writable: boolean): bigint =>
  (BigInt(pfn) << 12n) | PTE_PRESENT | (writable ? PTE_WRITABLE : 0n);
export const ptePfn = (pte: bigint): Pfn => Number(pte >> 12n) as Pfn;

/**
 * An address space whose first `pages` pages are backed by the frames of the same number, each with one reference. With
 * `rangePages` it starts with every whole range of so many pages mapped as one huge page.
 */
export function createMm(pages: number, frames: number, rangePages = 0): MmStruct {
  if (pages > MAX_PAGES || frames > MAX_FRAMES || frames < pages) {
    throw new RangeError(`an mm of the model has at most ${MAX_PAGES} pages and ${MAX_FRAMES} frames`);
  }
  const mm = MmStruct.alloc();
  mm.pages = pages;
  mm.frames = frames;
  for (let i = 0; i < pages; i++) {
    mm.ptes.at(i).poke(hostPte(i as Pfn, true));
    mm.page.at(i).refcount.poke(1);
  }
  mm.rangePages = rangePages;
  for (let first = 0; rangePages > 0 && first + rangePages <= pages; first += rangePages) {
    mm.pmds.at(first / rangePages).poke(hostPte(first as Pfn, true) | PMD_HUGE);
  }
  return mm;
}

/** @kernel kvm_release_pfn_clean virt/kvm/kvm_main.c */
export function* putPage(mm: MmStruct, pfn: Pfn): Task {
  yield* mm.page.at(pfn).refcount.fetchAdd(-1);
}

/** @kernel kvm_set_pfn_dirty virt/kvm/kvm_main.c */
export function* setPfnDirty(mm: MmStruct, pfn: Pfn): Task {
  yield* mm.page.at(pfn).flags.fetchOr(PG_DIRTY);
}

/** @kernel kvm_set_pfn_accessed virt/kvm/kvm_main.c */
export function* setPfnAccessed(mm: MmStruct, pfn: Pfn): Task {
  yield* mm.page.at(pfn).flags.fetchOr(PG_ACCESSED);
}

/** Takes a frame that nobody references: which one is the environment's choice only by what is free. */
export function* allocFrame(mm: MmStruct): Task<Pfn | null> {
  for (let i = 0; i < mm.frames; i++) {
    if ((yield* mm.page.at(i).refcount.cmpxchg(0, 1)) === 0) return i as Pfn;
  }
  return null;
}

/** The same for whoever cannot go on without: waits, as an allocation does while memory is reclaimed. */
export function* waitForFrame(mm: MmStruct): Task<Pfn> {
  for (;;) {
    const seen: Seen[] = [];
    for (let i = 0; i < mm.frames; i++) {
      const { refcount } = mm.page.at(i);
      const users = yield* refcount.cmpxchg(0, 1);
      if (users === 0) return i as Pfn;
      seen.push([refcount, users]);
    }
    yield* retryAfterChange(seen);
  }
}
