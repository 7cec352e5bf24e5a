/**
 * @area lifetime
 *
 * What the host does to pages of an address space, on any CPU and from outside of it: it finds them by their frames, so it needs
 * no user of the address space. Only exit_mmap() puts an end to it, page by page.
 */
import type { Task } from '@faultline/machine';
import type { UserMm } from '../arm64/state.ts';
import type { Pfn } from '../types.ts';
import {
  notifyChangePte,
  notifyClearFlushYoung,
  notifyRangeEnd,
  notifyRangeStart,
  notifyTestYoung,
} from './mmu-notifier-list.ts';
import { frameOf, putFrame } from './user-mm.ts';

/** Was the page used? Clears the trace of it. @kernel page_referenced_one mm/rmap.c */
export function* referenced(mm: UserMm, page: number): Task<boolean> {
  yield* mm.pageTableLock.lock();
  const young = mm.ptes.get(page) !== 0 && (yield* notifyClearFlushYoung(mm, page));
  yield* mm.pageTableLock.unlock();
  return young;
}

/** Was the page used? Changes nothing. @kernel __collapse_huge_page_isolate mm/khugepaged.c */
export function* isYoung(mm: UserMm, page: number): Task<boolean> {
  yield* mm.pageTableLock.lock();
  const young = mm.ptes.get(page) !== 0 && (yield* notifyTestYoung(mm, page));
  yield* mm.pageTableLock.unlock();
  return young;
}

/** The page moves to another frame, which it shares with others. @kernel replace_page mm/ksm.c */
export function* ksmReplace(mm: UserMm, page: number, to: Pfn): Task {
  yield* notifyRangeStart(mm, page, page + 1);
  yield* mm.pageTableLock.lock();
  const old = mm.ptes.get(page);
  if (old !== 0) {
    yield* frameOf(mm, to).refcount.fetchAdd(1);
    yield* notifyChangePte(mm, page, to);
    mm.ptes.set(page, to + 1);
  }
  yield* mm.pageTableLock.unlock();
  yield* notifyRangeEnd(mm);
  if (old !== 0) yield* putFrame(mm, (old - 1) as Pfn);
}

/** The same as it was up to 3.6: nothing is announced but the change itself. @kernel set_pte_at_notify include/linux/mmu_notifier.h */
export function* ksmReplaceAlone(mm: UserMm, page: number, to: Pfn): Task {
  yield* mm.pageTableLock.lock();
  const old = mm.ptes.get(page);
  if (old !== 0) {
    yield* frameOf(mm, to).refcount.fetchAdd(1);
    mm.ptes.set(page, to + 1);
    yield* notifyChangePte(mm, page, to);
  }
  yield* mm.pageTableLock.unlock();
  if (old !== 0) yield* putFrame(mm, (old - 1) as Pfn);
}

/** The pages lose their frames. @kernel try_to_unmap_one mm/rmap.c */
export function* tryToUnmap(mm: UserMm, start: number, end: number): Task {
  yield* notifyRangeStart(mm, start, end);
  for (let page = start; page < end; page++) {
    yield* mm.pageTableLock.lock();
    const old = mm.ptes.get(page);
    mm.ptes.set(page, 0);
    yield* mm.pageTableLock.unlock();
    if (old !== 0) yield* putFrame(mm, (old - 1) as Pfn);
  }
  yield* notifyRangeEnd(mm);
}
