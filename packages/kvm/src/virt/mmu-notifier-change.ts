/**
 * @area notifier
 *
 * change_pte: the host puts another frame, or fewer rights, behind a page, and tells KVM which. Since 3.7 it does so
 * inside a pair of invalidations, whose start has zapped everything already: the call finds nothing, and 6.10 dropped it.
 */
import type { Task } from '@faultline/machine';
import type { Hva } from '../types.ts';
import { flushRemoteTlbs } from '../x86/flush.ts';
import { kvmSetSpteGfn } from '../x86/gfn-range.ts';
import { gfnsIn, slotsIn } from './hva-range.ts';
import type { Kvm } from './kvm.ts';
import { KVM_MEMSLOT_INVALID } from './memslots.ts';
import { kvmMmuLock, kvmMmuUnlock } from './mmu-lock.ts';

/** When it returns, no vCPU uses the frame that was behind `hva`. @kernel kvm_mmu_notifier_change_pte virt/kvm/kvm_main.c */
export function* changePte(kvm: Kvm, hva: Hva, pte: bigint): Task {
  const end = (hva + 1) as Hva;
  const idx = yield* kvm.srcu.readLock();
  const slots = yield* slotsIn(kvm, hva, end);
  if (slots.length > 0) {
    yield* kvmMmuLock(kvm);
    // Without an invalidation around it, this is what tells a fault that asked before.
    if (kvm.config.changePteAlone === 1) {
      bump_seq_with_change: yield* kvm.mmuInvalidateSeq.fetchAdd(1);
    }
    let flush = false;
    for (const slot of slots) {
      // On its way out: its deletion zaps what is left, and nothing may be put there again.
      skip_invalid_slot: if ((slot.flags & KVM_MEMSLOT_INVALID) !== 0) continue;
      for (const gfn of gfnsIn(slot, hva, end)) flush = (yield* kvmSetSpteGfn(kvm, gfn, pte)) || flush;
    }
    flush_changed_pte: if (flush) yield* flushRemoteTlbs(kvm);
    yield* kvmMmuUnlock(kvm);
  }
  yield* kvm.srcu.readUnlock(idx);
}
