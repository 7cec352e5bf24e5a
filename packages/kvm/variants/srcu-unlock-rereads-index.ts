/** The end of a section is counted on the side that is active now, not on the one that it began on. */
import { type Srcu, smpMb, smpProcessorId, type Task } from '@faultline/machine';

/** @replaces packages/machine/src/srcu.ts#srcuReadUnlock 14a32dc7 */
export function* srcuReadUnlock(domain: Srcu, _idx: number): Task {
  const { sda, srcuIdx, cpus } = domain.state;
  yield* smpMb();
  const idx = (yield* srcuIdx.readOnce()) & 1;
  yield* sda
    .at(smpProcessorId() % cpus)
    .unlockCount.at(idx)
    .thisCpuAdd(1);
}
