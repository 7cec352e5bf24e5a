/** Turning logging on protects the pages first, and publishes the new flags afterwards. (Creation and deletion left out.) */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslot } from '../src/virt/memslots.ts';
import {
  Change,
  commitMemoryRegion,
  newMemslot,
  prepareMemoryRegion,
  type Region,
  switchMemslot,
} from '../src/virt/set-memslot.ts';
import { slotApplyFlags } from '../src/x86/slot-apply-flags.ts';

/** @replaces packages/kvm/src/virt/set-memslot.ts#setMemslot b5fec8a5 */
/** @kernel kvm_set_memslot virt/kvm/kvm_main.c */
export function* setMemslot(kvm: Kvm, old: Memslot | null, region: Region, change: number): Task<number> {
  const next = newMemslot(region);
  yield* kvm.slotsArchLock.lock();
  yield* prepareMemoryRegion(kvm, old, next);
  if (old !== null) yield* slotApplyFlags(kvm, old.flags, next);
  yield* switchMemslot(kvm, old, next, old);
  yield* commitMemoryRegion(kvm, old, next, change === Change.FLAGS_ONLY ? Change.NONE : change);
  return 0;
}
