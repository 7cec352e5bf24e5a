/** The value that the fast path compares with is read anew for the cmpxchg: not the one that it judged. */
import type { Cell, Task } from '@faultline/machine';
import type { Gfn } from '../src/types.ts';
import { markPageDirtyInSlot } from '../src/virt/dirty-log.ts';
import type { Vcpu } from '../src/virt/kvm.ts';
import type { Memslot } from '../src/virt/memslots.ts';
import { PT_WRITABLE } from '../src/x86/spte-format.ts';

/** @replaces packages/kvm/src/x86/fast-page-fault.ts#fixDirectSpte e90a8dde */
/** @kernel fast_pf_fix_direct_spte arch/x86/kvm/mmu/mmu.c */
export function* fixDirectSpte(
  vcpu: Vcpu,
  sptep: Cell<bigint>,
  old: bigint,
  next: bigint,
  slot: Memslot,
  gfn: Gfn,
): Task<boolean> {
  const now = yield* sptep.readOnce();
  if ((yield* sptep.cmpxchg(now, next)) !== now) return false;
  if ((next & PT_WRITABLE) !== 0n && (old & PT_WRITABLE) === 0n) yield* markPageDirtyInSlot(vcpu, slot, gfn);
  return true;
}
