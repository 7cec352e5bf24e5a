/** The check of an MMIO SPTE compares the whole generation with the stored part: it never fits once the count is large. */
import type { Task } from '@faultline/machine';
import { inProgress } from '../src/virt/generation.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { Generations } from '../src/virt/kvm-config.ts';
import { vcpuMemslots } from '../src/virt/vcpu-memslots.ts';
import { mmioGenerationOf } from '../src/x86/mmio-spte.ts';

/** @replaces packages/kvm/src/x86/mmio-fault.ts#checkMmioSpte 26a2dd3c */
/** @kernel check_mmio_spte arch/x86/kvm/mmu/mmu.c */
export function* checkMmioSpte(vcpu: Vcpu, spte: bigint): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  const slots = yield* vcpuMemslots(vcpu);
  const generation = yield* slots.generation.readOnce();
  if (kvm.config.generations === Generations.BIT_63 && inProgress(kvm, generation)) return false;
  return generation === mmioGenerationOf(spte, kvm.config.mmioLayout);
}
