/**
 * @area mmu
 *
 * Throwing all translations away at once: the roots are declared invalid, vCPUs are told to load others, and what hung
 * below is taken apart afterwards, while vCPUs already fill new tables.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import type { MmuPage } from './mmu-page.ts';
import { requestFreeObsoleteRoots } from './obsolete-roots.ts';
import { isShadowPresent } from './spte-predicates.ts';
import { replaceSpteAtomic } from './tdp-frozen.ts';
import { iterNext, iterStart } from './tdp-iter.ts';
import { invalidateAllRoots, nextRootYieldSafe, putRoot } from './tdp-roots.ts';
import { formatOf } from './tdp-spte.ts';
import { iterCondResched } from './tdp-yield.ts';

/** Under slots_lock. When it returns, no SPTE from before is left, and no vCPU uses one. @kernel kvm_mmu_zap_all_fast arch/x86/kvm/mmu/mmu.c */
export function* zapAllFast(kvm: Kvm): Task {
  yield* kvm.mmuLock.writeLock();
  invalidate_all_roots: yield* invalidateAllRoots(kvm);
  // In the same section: a vCPU that served the request before the roots were invalid would keep its own.
  request_free_obsolete_roots: yield* requestFreeObsoleteRoots(kvm);
  yield* kvm.mmuLock.writeUnlock();
  // Before returning: a slot that is about to go is how notifiers find these entries.
  zap_invalidated_roots: yield* zapInvalidatedRoots(kvm);
}

/** @kernel kvm_tdp_mmu_zap_invalidated_roots arch/x86/kvm/mmu/tdp_mmu.c */
export function* zapInvalidatedRoots(kvm: Kvm): Task {
  yield* kvm.mmuLock.readLock();
  for (let asId = 0; asId < kvm.config.addressSpaces; asId++) {
    let root = yield* nextRootYieldSafe(kvm, asId, null);
    while (root !== null) {
      if (root.scheduledToZap === 1) yield* zapInvalidatedRoot(kvm, asId, root);
      root = yield* nextRootYieldSafe(kvm, asId, root);
    }
  }
  yield* kvm.mmuLock.readUnlock();
}

/** No flush: a vCPU forgets everything when it loads another root. */
export function* zapInvalidatedRoot(kvm: Kvm, asId: number, root: MmuPage): Task {
  root.scheduledToZap = 0;
  yield* zapRoot(kvm, root);
  // Last: as long as entries are left, notifiers must find the root.
  yield* putRoot(kvm, asId, root);
}

/** Under mmu_lock held for read. @kernel tdp_mmu_zap_root arch/x86/kvm/mmu/tdp_mmu.c */
export function* zapRoot(kvm: Kvm, root: MmuPage): Task {
  const format = formatOf(kvm);
  const rcu = yield* kvm.rcu.readLock();
  const iter = yield* iterStart(kvm, root, kvm.config.tdpLevels, 0 as Gfn, kvm.config.maxGfn, rcu);
  for (; iter.valid; yield* iterNext(iter)) {
    if (yield* iterCondResched(iter, false, true)) continue;
    while (isShadowPresent(format, iter.oldSpte)) {
      if (yield* replaceSpteAtomic(kvm, iter.sptep, iter.level, iter.oldSpte, 0n)) break;
      iter.oldSpte = yield* iter.sptep.readOnce();
    }
  }
  yield* kvm.rcu.readUnlock(iter.rcu);
}
