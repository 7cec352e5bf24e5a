/** The fast path sets the dirty bit first, and makes the page writable afterwards. */
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
  if ((next & PT_WRITABLE) !== 0n && (old & PT_WRITABLE) === 0n) yield* markPageDirtyInSlot(vcpu, slot, gfn);
  return (yield* sptep.cmpxchg(old, next)) === old;
}
