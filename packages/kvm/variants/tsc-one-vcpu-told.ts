/** The first vCPU alone is told. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { makeRequest, Request } from '../src/virt/requests.ts';

/** @replaces packages/kvm/src/x86/pvclock.ts#requestClockUpdates 7cb56298 */
export function* requestClockUpdates(kvm: Kvm): Task {
  yield* makeRequest(kvm.vcpus.at(0).peek() as Vcpu, Request.CLOCK_UPDATE);
}
