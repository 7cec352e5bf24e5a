/** Machines for aging and access tracking: pages in the states that a set-up cannot reach by guest accesses alone. */
import { clearYoung } from '@faultline/kvm/seams';
import type { Task } from '@faultline/machine';
import { HVA0, HVA1, type MmuVm } from './mmu-vm.ts';

/** Hardware without Accessed and Dirty bits: accesses are tracked by taking R, W and X away. */
export const NO_AD = { pages: 1, frames: 2, adBits: false } as const;
export const WITH_AD = { pages: 1, frames: 2 } as const;

/** Guest frame 0 counts as unused, and is in no TLB. */
export function* age({ kvm, vcpu }: MmuVm): Task {
  yield* clearYoung(kvm, HVA0, HVA1);
  vcpu.tlb.entries.set(0, 0n);
}

/** Guest frame 0 stays writable and accessed, but clean, as dirty logging by D bits leaves it; in no TLB. */
export function clearDirtyBit({ kvm, vcpu }: MmuVm): void {
  const sptep = kvm.roots.get(0)?.spt.at(0);
  sptep?.poke(sptep.peek() & ~(1n << 9n));
  vcpu.tlb.entries.set(0, 0n);
}

/** The host maps page 0 read-only, as it does with a page that it shares. */
export function shareInHost({ mm }: MmuVm): void {
  const ptep = mm.ptes.at(0);
  ptep.poke(ptep.peek() & ~(1n << 1n));
}
