/** Whoever leaves an interrupt with a vCPU holds its mutex meanwhile. */
import type { Task } from '@faultline/machine';
import { vcpuKick } from '../src/virt/kick.ts';
import type { Vcpu } from '../src/virt/kvm.ts';
import { makeRequest, Request } from '../src/virt/requests.ts';

/** @replaces packages/kvm/src/virt/kick.ts#acceptIrq 9fc0cfce */
export function* acceptIrq(vcpu: Vcpu, vector: number): Task {
  yield* vcpu.mutex.lock();
  yield* vcpu.events.fetchOr(1 << vector);
  yield* makeRequest(vcpu, Request.EVENT);
  yield* vcpuKick(vcpu);
  yield* vcpu.mutex.unlock();
}
