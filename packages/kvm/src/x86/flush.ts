/**
 * @area mmu
 *
 * Remote TLB flushes, abstract: each vCPU's TLB is emptied between two of its instructions, as the handler of an IPI
 * would find it. Which vCPU is first is a choice: each leaves its guest when it does. The real protocol is requests,
 * modes and IPIs: see flush-real.ts.
 */
import { at, choose, type Task } from '@faultline/machine';
import { emptyTlb } from '../hw/tlb.ts';
import { KVM_MAX_VCPUS, type Kvm, type Vcpu } from '../virt/kvm.ts';
import { flushRemoteTlbsByRequest } from './flush-real.ts';
import type { ShadowMmu } from './shadow/shadow-mmu.ts';

/** When it returns, no vCPU uses a translation from before the call. @kernel kvm_flush_remote_tlbs virt/kvm/kvm_main.c */
export function* flushRemoteTlbs(kvm: Kvm): Task {
  const postponed = kvm.shadowMmu?.postponesFlushes === 1 ? yield* kvm.shadowMmu.tlbsDirty.loadAcquire() : 0;
  yield* flushAll(kvm);
  // Only what was counted before this flush began is done by it.
  if (postponed !== 0)
    yield* (kvm.shadowMmu as ShadowMmu).tlbsDirty.cmpxchg(postponed, 0, at('shadow.clear_postponed_cmpxchg'));
}

function* flushAll(kvm: Kvm): Task {
  if (kvm.config.remoteFlush === 1) {
    yield* flushRemoteTlbsByRequest(kvm);
    return;
  }
  const left: Vcpu[] = [];
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = kvm.vcpus.at(i).peek();
    if (vcpu === null) break;
    left.push(vcpu);
  }
  while (left.length > 0) {
    const next = left.length === 1 ? 0 : yield* choose('vCPU that flushes next', left.length);
    const [vcpu] = left.splice(next, 1) as [Vcpu];
    yield* vcpu.tlb.lock.lock();
    emptyTlb(vcpu.tlb);
    yield* vcpu.tlb.lock.unlock();
  }
}
