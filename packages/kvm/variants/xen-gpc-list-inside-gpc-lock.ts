/** A cache joins the list in the section of gpc->lock in which it becomes active. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { listGpc } from '../src/virt/pfncache.ts';
import type { GfnToPfnCache } from '../src/virt/pfncache-state.ts';

/** @replaces packages/kvm/src/virt/pfncache.ts#startGpc 3882df4a */
export function* startGpc(kvm: Kvm, gpc: GfnToPfnCache): Task {
  yield* gpc.lock.writeLock();
  if (gpc.active === 0) {
    yield* listGpc(kvm, gpc);
    gpc.active = 1;
  }
  yield* gpc.lock.writeUnlock();
}
