/**
 * @area shadow
 *
 * Tables of the guest that are mirrored are write-protected: a write to one of the last level lets it go out of step, a
 * write to one above is trapped and emulated.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../../types.ts';
import type { Kvm } from '../../virt/kvm.ts';
import { flushRemoteTlbs } from '../flush.ts';
import { rmapWriteProtect } from './protect.ts';
import { shadowOf } from './shadow-mmu.ts';
import type { ShadowPage } from './shadow-page.ts';

/** A page begins to mirror a table: from here on the guest cannot write that unseen. Under mmu_lock. @kernel account_shadowed arch/x86/kvm/mmu/mmu.c */
export function* accountShadowed(kvm: Kvm, page: ShadowPage): Task {
  const mmu = shadowOf(kvm);
  yield* mmu.indirectShadowPages.fetchAdd(1);
  if (page.level > 1) yield* mmu.frame.at(page.gfn).writeTracked.fetchAdd(1);
  let flush = false;
  protect_mirrored_table: flush = yield* rmapWriteProtect(kvm, page.gfn, true);
  // Before mmu_lock is dropped: what the guest writes from here on must not go unseen.
  flush_protected_table: if (flush) yield* flushRemoteTlbs(kvm);
}

/** @kernel unaccount_shadowed arch/x86/kvm/mmu/mmu.c */
export function* unaccountShadowed(kvm: Kvm, page: ShadowPage): Task {
  const mmu = shadowOf(kvm);
  yield* mmu.indirectShadowPages.fetchAdd(-1);
  if (page.level > 1) yield* mmu.frame.at(page.gfn).writeTracked.fetchAdd(-1);
}

/** Whether a write to the frame has to be emulated. Without mmu_lock. @kernel kvm_gfn_is_write_tracked arch/x86/kvm/mmu/page_track.c */
export function* gfnIsWriteTracked(kvm: Kvm, gfn: Gfn): Task<boolean> {
  return (yield* shadowOf(kvm).frame.at(gfn).writeTracked.readOnce()) !== 0;
}
