/**
 * @area apicv
 *
 * Zapping guest frames for a reason of KVM's own. To faults in flight it is an invalidation like one of the host's: what
 * they were told before must not be installed after it.
 */
import type { Task } from '@faultline/machine';
import type { Gfn, Hva } from '../types.ts';
import { addInvalidateRange } from '../virt/invalidate-range.ts';
import type { Kvm } from '../virt/kvm.ts';
import { invalidateEnd } from '../virt/mmu-notifier.ts';
import { flushRemoteTlbs } from './flush.ts';
import { zapLeafs } from './tdp-zap.ts';

/** When it returns nothing of [start, end) is mapped, or remembered by a TLB. @kernel kvm_zap_gfn_range arch/x86/kvm/mmu/mmu.c */
export function* zapGfnRange(kvm: Kvm, start: Gfn, end: Gfn): Task {
  yield* kvm.mmuLock.writeLock();
  kvm.mmuInvalidateInProgress++;
  addInvalidateRange(kvm, 0 as Hva, Number.MAX_SAFE_INTEGER as Hva);
  let flush = false;
  for (let asId = 0; asId < kvm.config.addressSpaces; asId++) {
    flush = yield* zapLeafs(kvm, asId, start, end, flush);
  }
  flush_zapped_range: if (flush) yield* flushRemoteTlbs(kvm);
  yield* invalidateEnd(kvm);
  yield* kvm.mmuLock.writeUnlock();
}
