/** Both forms with the second bump before the grace period: an exit of the old set can still read the final value. */
import { at, type Task } from '@faultline/machine';
import { nextGeneration, transientGeneration } from '../src/virt/generation.ts';
import { inactiveSet } from '../src/virt/install-memslots.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslots } from '../src/virt/memslots.ts';
import { archMemslotsUpdated } from '../src/x86/memslots-updated.ts';

/** @replaces packages/kvm/src/virt/install-memslots.ts#installNewMemslots 8a30eebc */
/** @kernel install_new_memslots virt/kvm/kvm_main.c */
export function* installNewMemslots(kvm: Kvm, slots: Memslots): Task<Memslots> {
  const old = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  const transient = transientGeneration(kvm, yield* old.generation.readOnce());
  yield* slots.generation.writeOnce(transient);
  yield* kvm.memslots.at(0).assign(slots, at('memslots.publish_slots'));
  yield* slots.generation.writeOnce(nextGeneration(kvm, transient));
  yield* kvm.srcu.synchronize();
  yield* archMemslotsUpdated(kvm, yield* slots.generation.readOnce());
  return old;
}

/** @replaces packages/kvm/src/virt/install-memslots.ts#swapActiveMemslots dc12a483 */
/** @kernel kvm_swap_active_memslots virt/kvm/kvm_main.c */
export function* swapActiveMemslots(kvm: Kvm, asId: number): Task {
  const active = (yield* kvm.memslots.at(asId).rcuDereference()) as Memslots;
  const slots = inactiveSet(kvm, asId, active);
  const transient = transientGeneration(kvm, yield* active.generation.readOnce());
  yield* slots.generation.writeOnce(transient);
  yield* kvm.mnInvalidateLock.lock();
  yield* kvm.memslots.at(asId).assign(slots, at('memslots.publish_slots'));
  yield* kvm.mnInvalidateLock.unlock();
  yield* kvm.slotsArchLock.unlock();
  yield* archMemslotsUpdated(kvm, nextGeneration(kvm, transient));
  yield* slots.generation.writeOnce(nextGeneration(kvm, transient));
  yield* kvm.srcu.synchronize();
}
