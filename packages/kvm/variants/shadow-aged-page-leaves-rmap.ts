/** An entry whose A is cleared leaves the reverse map, as if it had been zapped. */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { pteList, pteListRemove, rmapOf } from '../src/x86/shadow/rmap.ts';
import { isAccessed } from '../src/x86/spte-predicates.ts';
import { formatOf } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/shadow/notify.ts#ageRmap c455bbc9 */
export function* ageRmap(kvm: Kvm, gfn: Gfn): Task<boolean> {
  const format = formatOf(kvm);
  const entries = pteList(kvm, rmapOf(kvm, gfn));
  let young = false;
  for (const { sptep } of entries) {
    if (!isAccessed(format, yield* sptep.readOnce())) continue;
    yield* sptep.fetchAndnot(format.accessed);
    pteListRemove(rmapOf(kvm, gfn), sptep);
    young = true;
  }
  return young;
}
