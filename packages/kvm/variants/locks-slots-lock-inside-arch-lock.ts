/** A vCPU that gives slots their reverse maps takes slots_lock as well, because it writes to slots: inside slots_arch_lock. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslots } from '../src/virt/memslots.ts';
import { giveRmaps } from '../src/x86/first-shadow-root.ts';

/** @replaces packages/kvm/src/x86/first-shadow-root.ts#mmuFirstShadowRootAlloc 0957ac0c */
export function* mmuFirstShadowRootAlloc(kvm: Kvm): Task {
  if ((yield* kvm.shadowRootAllocated.loadAcquire()) === 1) return;
  yield* kvm.slotsArchLock.lock();
  yield* kvm.slotsLock.lock();
  const slots = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  yield* giveRmaps(kvm, slots);
  yield* kvm.slotsLock.unlock();
  yield* kvm.slotsArchLock.unlock();
}
