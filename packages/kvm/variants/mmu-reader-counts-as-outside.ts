/** A vCPU that walks shadow page tables counts as outside of the guest: nobody waits for it. */
import { smpMb, type Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import { VcpuMode } from '../src/virt/vcpu-mode.ts';

/** @replaces packages/kvm/src/virt/kick.ts#requestNeedsIpi 30ce8368 */
/** @kernel kvm_request_needs_ipi virt/kvm/kvm_main.c */
export function* requestNeedsIpi(vcpu: Vcpu, _request: number): Task<boolean> {
  yield* smpMb();
  const mode = yield* vcpu.mode.cmpxchg(VcpuMode.IN_GUEST, VcpuMode.EXITING_GUEST);
  return mode !== VcpuMode.OUTSIDE_GUEST && mode !== VcpuMode.READING_SHADOW_PAGE_TABLES;
}
