/**
 * @area lifetime
 *
 * The two counts of an address space. mm_users: tasks that run in it; when the last one leaves, its mappings go. mm_count: who
 * keeps the structure; KVM does, and nothing more, so that a VM does not keep a dead process's memory.
 */
import type { Task } from '@faultline/machine';
import { type Frame, type HostFrames, MAX_PAGES, UserMm } from '../arm64/state.ts';
import type { Pfn } from '../types.ts';
import { mmuNotifierRelease } from './mmu-notifier-list.ts';

/** For set-up: an address space of `users` tasks, whose page n has frame `first + n`. */
export function allocUserMm(frames: HostFrames, users: number, pages: number, first: number): UserMm {
  const mm = UserMm.alloc();
  mm.frames = frames;
  mm.notifierSrcu.init('abstract', 1);
  mm.mmUsers.poke(users);
  mm.mmCount.poke(1);
  for (let page = 0; page < pages; page++) {
    mm.ptes.set(page, first + page + 1);
    frames.frame.at(first + page).refcount.poke(1);
  }
  return mm;
}

/** @kernel mmdrop include/linux/sched/mm.h */
export function* mmdrop(mm: UserMm): Task {
  if ((yield* mm.mmCount.fetchAdd(-1 >>> 0)) === 1) UserMm.free(mm);
}

/** Whether it was the last user. @kernel mmput kernel/fork.c */
export function* mmput(mm: UserMm): Task<boolean> {
  if ((yield* mm.mmUsers.fetchAdd(-1 >>> 0)) !== 1) return false;
  yield* exitMmap(mm);
  yield* mmdrop(mm);
  return true;
}

/** @kernel exit_mmap mm/mmap.c */
export function* exitMmap(mm: UserMm): Task {
  release_before_unmapping: yield* mmuNotifierRelease(mm);
  for (let page = 0; page < MAX_PAGES; page++) {
    yield* mm.pageTableLock.lock();
    const pte = mm.ptes.get(page);
    mm.ptes.set(page, 0);
    yield* mm.pageTableLock.unlock();
    if (pte === 0) return;
    yield* putFrame(mm, (pte - 1) as Pfn);
  }
}

/** The frame behind a page, with a reference; null if there is none. @kernel get_user_pages mm/gup.c */
export function* getFrame(mm: UserMm, page: number): Task<Pfn | null> {
  yield* mm.pageTableLock.lock();
  const pte = mm.ptes.get(page);
  if (pte !== 0) yield* frameOf(mm, (pte - 1) as Pfn).refcount.fetchAdd(1);
  yield* mm.pageTableLock.unlock();
  return pte === 0 ? null : ((pte - 1) as Pfn);
}

/** Memory for tables, before mmu_lock: an allocation may sleep. @kernel mmu_topup_memory_cache virt/kvm/arm/mmu.c */
export function* topUpMemoryCache(mm: UserMm): Task {
  const { allocating } = mm.frames as HostFrames;
  yield* allocating.lock();
  yield* allocating.unlock();
}

/** @kernel put_page include/linux/mm.h */
export function* putFrame(mm: UserMm, pfn: Pfn): Task {
  yield* frameOf(mm, pfn).refcount.fetchAdd(-1 >>> 0);
}

export function frameOf(mm: UserMm, pfn: Pfn): Frame {
  return (mm.frames as HostFrames).frame.at(pfn);
}
