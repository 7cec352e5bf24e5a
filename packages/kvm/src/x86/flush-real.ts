/**
 * @area mmu
 *
 * Remote TLB flushes as they are: each vCPU is asked to flush, and those in the guest are made to leave it. A vCPU
 * elsewhere keeps what its TLB holds, and flushes before its next guest access.
 */
import type { Task } from '@faultline/machine';
import { makeAllCpusRequest } from '../virt/kick.ts';
import type { Kvm } from '../virt/kvm.ts';
import { Request } from '../virt/requests.ts';

/** When it returns, no vCPU uses a translation from before the call. @kernel kvm_flush_remote_tlbs virt/kvm/kvm_main.c */
export function* flushRemoteTlbsByRequest(kvm: Kvm): Task {
  yield* makeAllCpusRequest(kvm, Request.TLB_FLUSH);
}
