/** Turning logging on flushes only if it took W from an entry itself. */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslot } from '../src/virt/memslots.ts';
import { flushRemoteTlbs } from '../src/x86/flush.ts';
import { rearmGfn } from '../src/x86/tdp-clear-dirty.ts';

/** @replaces packages/kvm/src/x86/slot-apply-flags.ts#slotApplyFlags 1c124d34 */
/** @kernel kvm_mmu_slot_apply_flags arch/x86/kvm/x86.c */
export function* slotApplyFlags(kvm: Kvm, _oldFlags: number, slot: Memslot): Task {
  let flush = false;
  yield* kvm.mmuLock.writeLock();
  for (let page = 0; page < slot.npages; page++) {
    flush = (yield* rearmGfn(kvm, (slot.baseGfn + page) as Gfn)) || flush;
  }
  yield* kvm.mmuLock.writeUnlock();
  if (flush) yield* flushRemoteTlbs(kvm);
}
