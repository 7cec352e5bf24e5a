/** The vCPU looks for requests, and says afterwards that it sleeps. */
import { retryAfterChange, type Seen, smpMb, type Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/kick.ts#vcpuBlock 1d9b4574 */
/** @kernel kvm_vcpu_block virt/kvm/kvm_main.c */
export function* vcpuBlock(vcpu: Vcpu): Task {
  if ((yield* vcpu.requests.readOnce()) !== 0n) return;
  yield* vcpu.blocking.writeOnce(1);
  yield* smpMb();
  const asleep: Seen[] = [[vcpu.blocking, 1]];
  yield* retryAfterChange(asleep);
}
