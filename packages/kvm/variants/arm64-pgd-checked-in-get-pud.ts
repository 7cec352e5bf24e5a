/** The fix as it was proposed first: stage2_get_pud() looks at pgd, for all of its callers. */
import type { Task } from '@faultline/machine';
import type { Stage2Table } from '../src/arm64/stage2-table.ts';
import { stage2Child } from '../src/arm64/stage2-walk.ts';
import type { ArmKvm } from '../src/arm64/state.ts';
import type { Gfn } from '../src/types.ts';

/** @replaces packages/kvm/src/arm64/stage2-walk.ts#stage2GetPud 5c370564 */
export function* stage2GetPud(kvm: ArmKvm, gfn: Gfn, grow: boolean): Task<Stage2Table | null> {
  const pgd = yield* kvm.pgd.readOnce();
  if (pgd === null || kvm.levels < 4) return pgd;
  return yield* stage2Child(kvm, pgd, 3, gfn, grow);
}
