/**
 * @area mmu
 *
 * Walking page tables without mmu_lock, as the shadow MMU does: not by RCU, but by keeping interrupts off. Whoever frees a
 * table unlinks it, and then asks every vCPU to flush and waits for its interrupt to be taken; one that walks takes it
 * only after its walk. Asked are the vCPUs whose mode is not OUTSIDE_GUEST, so the walker announces itself by its mode.
 */
import { at, smpRmb, type Task } from '@faultline/machine';
import { irqsOff, irqsOn } from '../hw/ipi.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { VcpuMode } from '../virt/vcpu-mode.ts';
import { flushRemoteTlbs } from './flush.ts';
import { MmuPage } from './mmu-page.ts';

/** Tables that are found from here on stay until the end of the walk. @kernel walk_shadow_page_lockless_begin arch/x86/kvm/mmu/mmu.c */
export function* walkShadowPageLocklessBegin(vcpu: Vcpu): Task {
  irqs_off_while_walking: yield* irqsOff(vcpu);
  // The mode is seen before any entry is read. Pairs with the barrier between request and mode of whoever frees.
  yield* vcpu.mode.smpStoreMb(VcpuMode.READING_SHADOW_PAGE_TABLES, at('mmu.announce_walk'));
}

/** @kernel walk_shadow_page_lockless_end arch/x86/kvm/mmu/mmu.c */
export function* walkShadowPageLocklessEnd(vcpu: Vcpu): Task {
  // After all reads of the tables. Pairs with the read of the mode by whoever frees.
  yield* vcpu.mode.storeRelease(VcpuMode.OUTSIDE_GUEST, at('mmu.end_of_walk'));
  irqs_off_while_walking: yield* irqsOn(vcpu);
}

/** Frees a table that nothing leads to any more. Under mmu_lock held for write. @kernel kvm_mmu_commit_zap_page arch/x86/kvm/mmu/mmu.c */
export function* commitZapPage(kvm: Kvm, page: MmuPage): Task {
  wait_for_walks: yield* flushRemoteTlbs(kvm);
  // The kernel leans on the control dependency: what follows the look at a mode is not stored before it.
  yield* smpRmb();
  MmuPage.free(page);
}
