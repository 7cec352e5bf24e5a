/** The count of open invalidations is checked, but the set is published after the lock was dropped. */
import { at, type Task } from '@faultline/machine';
import { nextGeneration, transientGeneration } from '../src/virt/generation.ts';
import { inactiveSet } from '../src/virt/install-memslots.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslots } from '../src/virt/memslots.ts';
import { archMemslotsUpdated } from '../src/x86/memslots-updated.ts';

/** @replaces packages/kvm/src/virt/install-memslots.ts#swapActiveMemslots dc12a483 */
/** @kernel kvm_swap_active_memslots virt/kvm/kvm_main.c */
export function* swapActiveMemslots(kvm: Kvm, asId: number): Task {
  const active = (yield* kvm.memslots.at(asId).rcuDereference()) as Memslots;
  const slots = inactiveSet(kvm, asId, active);
  const transient = transientGeneration(kvm, yield* active.generation.readOnce());
  yield* slots.generation.writeOnce(transient);
  yield* kvm.mnInvalidateLock.lock();
  while ((yield* kvm.mnActiveInvalidateCount.readOnce()) !== 0) {
    yield* kvm.mnInvalidateLock.unlock();
    yield* kvm.mnActiveInvalidateCount.awaitEqual(0);
    yield* kvm.mnInvalidateLock.lock();
  }
  yield* kvm.mnInvalidateLock.unlock();
  yield* kvm.memslots.at(asId).assign(slots, at('memslots.publish_slots'));
  yield* kvm.slotsArchLock.unlock();
  yield* kvm.srcu.synchronize();
  const next = nextGeneration(kvm, transient);
  yield* archMemslotsUpdated(kvm, next);
  yield* slots.generation.writeOnce(next);
}
