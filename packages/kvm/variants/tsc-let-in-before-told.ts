/** vCPUs may enter first, and are told that their clock has changed afterwards. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { letVcpusIn, requestClockUpdates } from '../src/x86/pvclock.ts';

/** @replaces packages/kvm/src/x86/pvclock.ts#tellVcpus 6fe28d91 */
export function* tellVcpus(kvm: Kvm): Task {
  yield* letVcpusIn(kvm);
  yield* requestClockUpdates(kvm);
}
