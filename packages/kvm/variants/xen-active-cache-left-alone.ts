/** Activating a cache that is active already does nothing, whatever page it is to stand for. */
import type { Task } from '@faultline/machine';
import type { Gpa } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { gpcRefresh, startGpc } from '../src/virt/pfncache.ts';
import type { GfnToPfnCache } from '../src/virt/pfncache-state.ts';

/** @replaces packages/kvm/src/virt/pfncache.ts#gpcActivate 3d8a5016 */
export function* gpcActivate(kvm: Kvm, gpc: GfnToPfnCache, gpa: Gpa): Task<number> {
  yield* gpc.lock.readLock();
  const active = gpc.active === 1;
  yield* gpc.lock.readUnlock();
  if (active) return 0;
  yield* startGpc(kvm, gpc);
  return yield* gpcRefresh(kvm, gpc, gpa);
}
