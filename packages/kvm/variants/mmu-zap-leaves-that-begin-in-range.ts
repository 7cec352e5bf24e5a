/** A zap takes the leaves that begin in its range: a huge leaf that begins before it stays. */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import type { MmuPage } from '../src/x86/mmu-page.ts';
import { isLast, isShadowPresent } from '../src/x86/spte-predicates.ts';
import { iterNext, iterStart } from '../src/x86/tdp-iter.ts';
import { formatOf, writeSpte } from '../src/x86/tdp-spte.ts';
import { iterCondResched } from '../src/x86/tdp-yield.ts';

/** @replaces packages/kvm/src/x86/tdp-zap.ts#zapLeafsOf 4d9132d3 */
/** @kernel tdp_mmu_zap_leafs arch/x86/kvm/mmu/tdp_mmu.c */
export function* zapLeafsOf(kvm: Kvm, root: MmuPage, start: Gfn, end: Gfn, flush: boolean): Task<boolean> {
  const format = formatOf(kvm);
  let pending = flush;
  const iter = yield* iterStart(kvm, root, 1, start, end);
  for (; iter.valid; yield* iterNext(iter)) {
    if (yield* iterCondResched(iter, pending, false)) {
      pending = false;
      continue;
    }
    if (iter.gfn < start || !isShadowPresent(format, iter.oldSpte) || !isLast(iter.oldSpte, iter.level))
      continue;
    yield* writeSpte(kvm, iter.sptep, iter.oldSpte, 0n);
    pending = true;
  }
  return pending;
}
