/** An update that fails after the INVALID phase completes the removal instead of bringing the good slot back. */
import type { Task } from '@faultline/machine';
import { swapActiveMemslots } from '../src/virt/install-memslots.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslot } from '../src/virt/memslots.ts';
import { inactiveOf, replaceMemslot } from '../src/virt/set-memslot.ts';

/** @replaces packages/kvm/src/virt/set-memslot.ts#activateMemslot c08cf712 */
/** @kernel kvm_activate_memslot virt/kvm/kvm_main.c */
export function* activateMemslot(kvm: Kvm, invalid: Memslot, old: Memslot): Task {
  yield* replaceMemslot(yield* inactiveOf(kvm, old.asId), old, null);
  yield* swapActiveMemslots(kvm, old.asId);
  yield* replaceMemslot(yield* inactiveOf(kvm, old.asId), invalid, null);
}
