/** A notifier finds memory for tables, as a fault does. */
import type { Task } from '@faultline/machine';
import { leafEntry, PTE } from '../src/arm64/stage2-table.ts';
import { stage2SetPte } from '../src/arm64/stage2-walk.ts';
import type { ArmKvm, UserMm } from '../src/arm64/state.ts';
import { topUpMemoryCache } from '../src/host/user-mm.ts';
import type { Gfn, Pfn } from '../src/types.ts';

/** @replaces packages/kvm/src/arm64/stage2-notifier.ts#setSpteHandler ba18da40 */
export function* setSpteHandler(kvm: ArmKvm, gfn: Gfn, pfn: Pfn): Task {
  yield* topUpMemoryCache(kvm.mm as UserMm);
  yield* stage2SetPte(kvm, gfn, leafEntry(pfn, PTE, false), { grow: true });
}
