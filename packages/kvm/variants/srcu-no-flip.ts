/** A grace period leaves the index alone and waits until nobody is left on either side. */
import { type Srcu, smpMb, type Task } from '@faultline/machine';
import { waitForReaders } from '../../machine/src/srcu.ts';

/** @replaces packages/machine/src/srcu.ts#synchronizeSrcu b41c5d33 */
export function* synchronizeSrcu(domain: Srcu): Task {
  yield* domain.state.gpMutex.lock();
  yield* smpMb();
  yield* waitForReaders(domain, 1);
  yield* waitForReaders(domain, 0);
  yield* smpMb();
  yield* domain.state.gpMutex.unlock();
}
