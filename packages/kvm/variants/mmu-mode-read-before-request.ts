/** Whether the vCPU has to be interrupted is decided first, and the request left with it afterwards. */
import { smpMb, type Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import { makeRequest, NO_ACTION } from '../src/virt/requests.ts';
import { VcpuMode } from '../src/virt/vcpu-mode.ts';

/** @replaces packages/kvm/src/virt/kick.ts#makeVcpuRequest 5dd7848f */
/** @kernel kvm_make_vcpu_request virt/kvm/kvm_main.c */
export function* makeVcpuRequest(vcpu: Vcpu, request: number): Task<boolean> {
  yield* smpMb();
  const mode = yield* vcpu.mode.cmpxchg(VcpuMode.IN_GUEST, VcpuMode.EXITING_GUEST);
  if ((request & NO_ACTION) === 0) yield* makeRequest(vcpu, request);
  return mode !== VcpuMode.OUTSIDE_GUEST;
}
