/** The end of a section is counted on the side that is active now, not on the one that it began on. */
import { type Srcu, smpMb, type Task } from '@faultline/machine';
import { sectionLeft } from '../../machine/src/platform.ts';
import { thisCpu } from '../../machine/src/srcu.ts';

/** @replaces packages/machine/src/srcu.ts#srcuReadUnlock a0f0c9bf */
export function* srcuReadUnlock(domain: Srcu, idx: number): Task {
  sectionLeft(domain.addr, idx);
  yield* smpMb();
  const now = (yield* domain.state.srcuIdx.readOnce()) & 1;
  yield* thisCpu(domain).unlockCount.at(now).fetchAdd(1);
}
