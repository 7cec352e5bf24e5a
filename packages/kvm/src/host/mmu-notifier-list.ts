/**
 * @area lifetime
 *
 * Who is told of changes to an address space. Callbacks run inside SRCU; a notifier that goes is taken off the list, and waited
 * for. Its release callback runs once from either end, and possibly from both at the same time.
 */
import type { Task } from '@faultline/machine';
import { clearFlushYoung, testYoung } from '../arm64/stage2-age.ts';
import {
  changePte,
  invalidateRangeEnd,
  invalidateRangeStart,
  notifierRelease,
} from '../arm64/stage2-notifier.ts';
import type { ArmKvm, UserMm } from '../arm64/state.ts';
import type { Pfn } from '../types.ts';

/** The last user of the address space has left. @kernel __mmu_notifier_release mm/mmu_notifier.c */
export function* mmuNotifierRelease(mm: UserMm): Task {
  const idx = yield* mm.notifierSrcu.readLock();
  const kvm = yield* mm.notifier.rcuDereference();
  if (kvm !== null) yield* notifierRelease(kvm);
  yield* takeOff(mm);
  yield* mm.notifierSrcu.readUnlock(idx);
  // Callbacks may be under way on other CPUs, and the caller frees the pages next.
  wait_for_callbacks_at_exit: yield* mm.notifierSrcu.synchronize();
}

/** Returns when no callback runs, and none will. @kernel mmu_notifier_unregister mm/mmu_notifier.c */
export function* mmuNotifierUnregister(mm: UserMm, kvm: ArmKvm): Task {
  if ((yield* mm.notifier.readOnce()) === kvm) {
    const idx = yield* mm.notifierSrcu.readLock();
    yield* notifierRelease(kvm);
    yield* mm.notifierSrcu.readUnlock(idx);
    yield* takeOff(mm);
  }
  wait_for_callbacks: yield* mm.notifierSrcu.synchronize();
}

function* takeOff(mm: UserMm): Task {
  yield* mm.notifierLock.lock();
  yield* mm.notifier.writeOnce(null);
  yield* mm.notifierLock.unlock();
}

/** Was the page used? From here on the answer is no. @kernel __mmu_notifier_clear_flush_young mm/mmu_notifier.c */
export function* notifyClearFlushYoung(mm: UserMm, page: number): Task<boolean> {
  const idx = yield* mm.notifierSrcu.readLock();
  const kvm = yield* mm.notifier.rcuDereference();
  const young = kvm !== null && (yield* clearFlushYoung(kvm, page));
  yield* mm.notifierSrcu.readUnlock(idx);
  return young;
}

/** @kernel __mmu_notifier_test_young mm/mmu_notifier.c */
export function* notifyTestYoung(mm: UserMm, page: number): Task<boolean> {
  const idx = yield* mm.notifierSrcu.readLock();
  const kvm = yield* mm.notifier.rcuDereference();
  const young = kvm !== null && (yield* testYoung(kvm, page));
  yield* mm.notifierSrcu.readUnlock(idx);
  return young;
}

/** @kernel __mmu_notifier_change_pte mm/mmu_notifier.c */
export function* notifyChangePte(mm: UserMm, page: number, pfn: Pfn): Task {
  const idx = yield* mm.notifierSrcu.readLock();
  const kvm = yield* mm.notifier.rcuDereference();
  if (kvm !== null) yield* changePte(kvm, page, pfn);
  yield* mm.notifierSrcu.readUnlock(idx);
}

/** @kernel __mmu_notifier_invalidate_range_start mm/mmu_notifier.c */
export function* notifyRangeStart(mm: UserMm, start: number, end: number): Task {
  const idx = yield* mm.notifierSrcu.readLock();
  const kvm = yield* mm.notifier.rcuDereference();
  if (kvm !== null) yield* invalidateRangeStart(kvm, start, end);
  yield* mm.notifierSrcu.readUnlock(idx);
}

/** @kernel __mmu_notifier_invalidate_range_end mm/mmu_notifier.c */
export function* notifyRangeEnd(mm: UserMm): Task {
  const idx = yield* mm.notifierSrcu.readLock();
  const kvm = yield* mm.notifier.rcuDereference();
  if (kvm !== null) yield* invalidateRangeEnd(kvm);
  yield* mm.notifierSrcu.readUnlock(idx);
}
