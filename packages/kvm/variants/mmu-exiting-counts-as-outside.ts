/** Only a vCPU that is in the guest is interrupted: one that somebody else has interrupted already counts as out. */
import { smpMb, type Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import { VcpuMode } from '../src/virt/vcpu-mode.ts';

/** @replaces packages/kvm/src/virt/kick.ts#requestNeedsIpi 30ce8368 */
/** @kernel kvm_request_needs_ipi virt/kvm/kvm_main.c */
export function* requestNeedsIpi(vcpu: Vcpu, _request: number): Task<boolean> {
  yield* smpMb();
  return (yield* vcpu.mode.cmpxchg(VcpuMode.IN_GUEST, VcpuMode.EXITING_GUEST)) === VcpuMode.IN_GUEST;
}
