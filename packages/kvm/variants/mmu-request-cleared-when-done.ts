/** A request is cleared when it has been dealt with: one that comes again meanwhile goes with it. */
import type { Task } from '@faultline/machine';
import { emptyTlb } from '../src/hw/tlb.ts';
import type { Vcpu } from '../src/virt/kvm.ts';
import { Request, requestBit } from '../src/virt/requests.ts';

/** @replaces packages/kvm/src/virt/vcpu-entry.ts#processRequests 274ef56d */
/** @kernel vcpu_enter_guest arch/x86/kvm/x86.c */
export function* processRequests(vcpu: Vcpu): Task {
  const pending = yield* vcpu.requests.readOnce();
  if (pending === 0n) return;
  if ((pending & requestBit(Request.TLB_FLUSH)) !== 0n) emptyTlb(vcpu.tlb);
  if ((pending & requestBit(Request.EVENT)) !== 0n) vcpu.injected |= yield* vcpu.events.xchg(0);
  yield* vcpu.requests.fetchAndnot(pending);
}
