/** The check of an MMIO SPTE compares too few bits: generations that differ look the same. */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { vcpuMemslots } from '../src/virt/vcpu-memslots.ts';
import { mmioGenerationOf } from '../src/x86/mmio-spte.ts';

/** @replaces packages/kvm/src/x86/mmio-fault.ts#checkMmioSpte 26a2dd3c */
/** @kernel check_mmio_spte arch/x86/kvm/mmu/mmu.c */
export function* checkMmioSpte(vcpu: Vcpu, spte: bigint): Task<boolean> {
  const slots = yield* vcpuMemslots(vcpu);
  const generation = yield* slots.generation.readOnce();
  return generation % 2 === mmioGenerationOf(spte, (vcpu.kvm as Kvm).config.mmioLayout) % 2;
}
