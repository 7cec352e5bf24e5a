/** A cache is made active before it is put on the list that the notifier walks. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { listGpc, setActive } from '../src/virt/pfncache.ts';
import type { GfnToPfnCache } from '../src/virt/pfncache-state.ts';

/** @replaces packages/kvm/src/virt/pfncache.ts#startGpc 3882df4a */
export function* startGpc(kvm: Kvm, gpc: GfnToPfnCache): Task {
  yield* gpc.lock.readLock();
  const active = gpc.active === 1;
  yield* gpc.lock.readUnlock();
  if (active) return;
  yield* setActive(gpc, 1);
  yield* listGpc(kvm, gpc);
}
