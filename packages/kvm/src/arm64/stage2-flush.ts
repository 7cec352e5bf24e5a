/**
 * @area arm64
 *
 * TLB invalidation is broadcast to all CPUs, and waits until no access under way uses what it took away: no request, no
 * interrupt, and the hardware's own walks are waited for as well.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import { PMD, spanOf } from './stage2-table.ts';
import { type ArmKvm, type ArmVcpu, MAX_PAGES } from './state.ts';

/** What maps this frame, a page or a block. @kernel kvm_tlb_flush_vmid_ipa arch/arm64/kvm/hyp/tlb.c */
export function* tlbFlushVmidIpa(kvm: ArmKvm, gfn: Gfn): Task {
  for (let i = 0; i < kvm.vcpuCount; i++) {
    const { tlb } = kvm.vcpus.get(i) as ArmVcpu;
    yield* tlb.lock.lock();
    tlb.pages.set(gfn, 0n);
    tlb.blocks.set(Math.floor(gfn / spanOf(PMD, kvm.indexBits)), 0n);
    yield* tlb.lock.unlock();
  }
}

/** Everything of this VM. @kernel kvm_flush_remote_tlbs virt/kvm/arm/mmu.c */
export function* flushVmid(kvm: ArmKvm): Task {
  for (let i = 0; i < kvm.vcpuCount; i++) {
    const { tlb } = kvm.vcpus.get(i) as ArmVcpu;
    yield* tlb.lock.lock();
    for (let page = 0; page < MAX_PAGES; page++) {
      tlb.pages.set(page, 0n);
      tlb.blocks.set(page, 0n);
    }
    yield* tlb.lock.unlock();
  }
}
