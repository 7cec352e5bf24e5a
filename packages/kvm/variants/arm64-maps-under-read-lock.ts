/** A vCPU that holds the lock for reading finds nothing to relax, and maps the page there and then. */
import type { Task } from '@faultline/machine';
import { type ArmMmu, mapPage } from '../src/arm64/pgtable.ts';
import { findLeaf } from '../src/arm64/stage2-age.ts';
import { S2AP_W } from '../src/arm64/stage2-table.ts';
import type { ArmKvm } from '../src/arm64/state.ts';
import type { Gfn, Pfn } from '../src/types.ts';

/** @replaces packages/kvm/src/arm64/pgtable.ts#relaxPerms 00efbd69 */
export function* relaxPerms(kvm: ArmKvm, mmu: ArmMmu, gfn: Gfn, pfn: Pfn): Task<number> {
  yield* mmu.mmuRwlock.readLock();
  const leaf = yield* findLeaf(kvm, gfn);
  if (leaf !== null) yield* leaf.fetchOr(S2AP_W);
  else yield* mapPage(kvm, gfn, pfn);
  yield* mmu.mmuRwlock.readUnlock();
  return 0;
}
