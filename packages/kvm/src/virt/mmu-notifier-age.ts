/**
 * @area notifier
 *
 * MMU notifiers of aging: the host asks whether the guest used a page, to decide what to reclaim. Nothing is taken away,
 * so nothing is counted and no fault has to retry.
 */
import type { Task } from '@faultline/machine';
import type { Hva } from '../types.ts';
import { flushRemoteTlbs } from '../x86/flush.ts';
import { kvmAgeGfn, kvmTestAgeGfn } from '../x86/gfn-range.ts';
import { gfnsIn, slotsIn } from './hva-range.ts';
import type { Kvm } from './kvm.ts';
import type { Memslot } from './memslots.ts';
import { kvmMmuLock, kvmMmuUnlock } from './mmu-lock.ts';

/**
 * Was [start, end) used? From here on the answer is no until it is used again, through a TLB as well.
 *
 * @kernel kvm_mmu_notifier_clear_flush_young virt/kvm/kvm_main.c
 */
export function* clearFlushYoung(kvm: Kvm, start: Hva, end: Hva): Task<boolean> {
  return yield* ageRange(kvm, start, end, true);
}

/** The same without a flush: a use through a TLB goes unnoticed. @kernel kvm_mmu_notifier_clear_young virt/kvm/kvm_main.c */
export function* clearYoung(kvm: Kvm, start: Hva, end: Hva): Task<boolean> {
  return yield* ageRange(kvm, start, end, false);
}

/** Was [start, end) used? Changes nothing. @kernel kvm_mmu_notifier_test_young virt/kvm/kvm_main.c */
export function* testYoung(kvm: Kvm, start: Hva, end: Hva): Task<boolean> {
  const idx = yield* kvm.srcu.readLock();
  const slots = yield* slotsIn(kvm, start, end);
  let young = false;
  if (slots.length > 0) yield* kvmMmuLock(kvm);
  for (const slot of slots) {
    for (const gfn of gfnsIn(slot, start, end)) young = (yield* kvmTestAgeGfn(kvm, gfn)) || young;
  }
  if (slots.length > 0) yield* kvmMmuUnlock(kvm);
  yield* kvm.srcu.readUnlock(idx);
  return young;
}

function* ageRange(kvm: Kvm, start: Hva, end: Hva, flush: boolean): Task<boolean> {
  const idx = yield* kvm.srcu.readLock();
  const slots = yield* slotsIn(kvm, start, end);
  let young = false;
  if (slots.length > 0) {
    yield* kvmMmuLock(kvm);
    young = yield* ageSlots(kvm, slots, start, end);
    // A TLB that still has the translation would not set A again, nor fault.
    flush_young: if (flush && young) yield* flushRemoteTlbs(kvm);
    yield* kvmMmuUnlock(kvm);
  }
  yield* kvm.srcu.readUnlock(idx);
  return young;
}

/** @kernel kvm_age_gfn arch/x86/kvm/mmu/mmu.c */
function* ageSlots(kvm: Kvm, slots: readonly Memslot[], start: Hva, end: Hva): Task<boolean> {
  let young = false;
  for (const slot of slots) {
    for (const gfn of gfnsIn(slot, start, end)) young = (yield* kvmAgeGfn(kvm, gfn)) || young;
  }
  return young;
}
