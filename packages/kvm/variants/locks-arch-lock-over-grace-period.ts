/** An update of the slots keeps slots_arch_lock until no reader of the old set is left. */
import { at, type Task } from '@faultline/machine';
import { nextGeneration, transientGeneration } from '../src/virt/generation.ts';
import { inactiveSet } from '../src/virt/install-memslots.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslots } from '../src/virt/memslots.ts';

/** @replaces packages/kvm/src/virt/install-memslots.ts#swapActiveMemslots dc12a483 */
/** @kernel kvm_swap_active_memslots virt/kvm/kvm_main.c */
export function* swapActiveMemslots(kvm: Kvm, asId: number): Task {
  const active = (yield* kvm.memslots.at(asId).rcuDereference()) as Memslots;
  const slots = inactiveSet(kvm, asId, active);
  const transient = transientGeneration(kvm, yield* active.generation.readOnce());
  yield* slots.generation.writeOnce(transient);
  yield* kvm.memslots.at(asId).assign(slots, at('memslots.publish_slots'));
  yield* kvm.srcu.synchronize();
  yield* kvm.slotsArchLock.unlock();
  yield* slots.generation.writeOnce(nextGeneration(kvm, transient));
}
