/**
 * @area memslots
 *
 * Making another set of slots the active one. Readers never see a set in change, and whatever an exit decided from the
 * old set is never taken for current afterwards: the generation is transient until no old reader is left, and nobody
 * caches or trusts a transient generation.
 */
import { at, type Task, warnOn } from '@faultline/machine';
import { archMemslotsUpdated } from '../x86/memslots-updated.ts';
import { inProgress, nextGeneration, transientGeneration } from './generation.ts';
import type { Kvm } from './kvm.ts';
import type { Memslots } from './memslots.ts';

/**
 * Makes the inactive set of an address space active. Enters with slots_lock and slots_arch_lock held; releases
 * slots_arch_lock before it waits, because a vCPU takes that lock inside a read section.
 *
 * @kernel kvm_swap_active_memslots virt/kvm/kvm_main.c
 */
export function* swapActiveMemslots(kvm: Kvm, asId: number): Task {
  const active = (yield* kvm.memslots.at(asId).rcuDereference()) as Memslots;
  const slots = inactiveSet(kvm, asId, active);
  const old = yield* active.generation.readOnce();
  warnOn(inProgress(kvm, old), 'old generation is in progress');
  mark_generation_transient: yield* slots.generation.writeOnce(transientGeneration(kvm, old));

  yield* kvm.mnInvalidateLock.lock();
  // A notifier that began with this set must end with it: its end() has to find the slots that its start() found.
  wait_for_invalidations: while ((yield* kvm.mnActiveInvalidateCount.readOnce()) !== 0) {
    yield* kvm.mnInvalidateLock.unlock();
    yield* kvm.mnActiveInvalidateCount.awaitEqual(0);
    yield* kvm.mnInvalidateLock.lock();
  }
  yield* kvm.memslots.at(asId).assign(slots, at('memslots.publish_slots'));
  yield* kvm.mnInvalidateLock.unlock();
  yield* kvm.slotsArchLock.unlock();

  wait_for_readers: yield* kvm.srcu.synchronize();

  const transient = yield* slots.generation.readOnce();
  const next = nextGeneration(kvm, transient);
  // Before the new generation is visible: if it wrapped, ancient MMIO SPTEs would fit it.
  yield* archMemslotsUpdated(kvm, next);
  // An exit that raced with the update may have tagged what it cached with the transient value.
  second_generation_bump: yield* slots.generation.writeOnce(next);
}

/**
 * The form of 2014: `slots` is a changed copy of the active array. Returns the old array, which no reader uses any more.
 *
 * @kernel install_new_memslots virt/kvm/kvm_main.c
 */
export function* installNewMemslots(kvm: Kvm, slots: Memslots): Task<Memslots> {
  const old = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  const generation = yield* old.generation.readOnce();
  warnOn(inProgress(kvm, generation), 'old_memslots->generation & 1');
  // Not needed for correctness; it stops cached decisions at once instead of after the grace period.
  mark_generation_transient: yield* slots.generation.writeOnce(transientGeneration(kvm, generation));

  yield* kvm.memslots.at(0).assign(slots, at('memslots.publish_slots'));
  wait_for_readers: yield* kvm.srcu.synchronize();

  const transient = yield* slots.generation.readOnce();
  const next = nextGeneration(kvm, transient);
  // An exit that raced with the update may have tagged what it cached with the transient value.
  second_generation_bump: yield* slots.generation.writeOnce(next);
  yield* archMemslotsUpdated(kvm, yield* slots.generation.readOnce());
  return old;
}

/** The other of the two sets of an address space. @kernel kvm_get_inactive_memslots virt/kvm/kvm_main.c */
export function inactiveSet(kvm: Kvm, asId: number, active: Memslots): Memslots {
  const first = kvm.sets.get(asId * 2) as Memslots;
  return first === active ? (kvm.sets.get(asId * 2 + 1) as Memslots) : first;
}
