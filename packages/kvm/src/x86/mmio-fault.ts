/**
 * @area mmio
 *
 * An exit on an MMIO SPTE: may the decision that it remembers still be trusted?
 */
import { type Task, trace } from '@faultline/machine';
import { type Gpa, gfnOf } from '../types.ts';
import { inProgress } from '../virt/generation.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { Generations } from '../virt/kvm-config.ts';
import { vcpuMemslots } from '../virt/vcpu-memslots.ts';
import { cacheMmioInfo, matchMmioGpa } from './mmio-cache.ts';
import { isMmioSpte, mmioGenerationOf, mmioGfnOf, truncateGeneration } from './mmio-spte.ts';
import { rootOf } from './mmu-page.ts';
import { RetPf } from './ret-pf.ts';

/**
 * EMULATE: no slot backs the frame, as remembered. INVALID: the memory is stale, decide anew. RETRY: somebody zapped
 * the entry meanwhile, let the guest fault again.
 *
 * @kernel handle_mmio_page_fault arch/x86/kvm/mmu/mmu.c
 */
export function* handleMmioPageFault(vcpu: Vcpu, gpa: Gpa): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const { mmioLayout, npt } = kvm.config;
  if (yield* matchMmioGpa(vcpu, gfnOf(gpa))) return RetPf.EMULATE;
  const spte = yield* rootOf(vcpu).spt.at(gfnOf(gpa)).readOnce();
  if (!isMmioSpte(spte, mmioLayout, npt === 1)) return RetPf.RETRY;
  if (!(yield* checkMmioSpte(vcpu, spte))) return RetPf.INVALID;
  const gfn = mmioGfnOf(spte, mmioLayout);
  trace('handle_mmio_page_fault', `gfn ${gfn.toString(16)}`);
  yield* cacheMmioInfo(vcpu, 0, gfn, 0);
  return RetPf.EMULATE;
}

/** Whether the generation in the entry is the current one. @kernel check_mmio_spte arch/x86/kvm/mmu/mmu.c */
export function* checkMmioSpte(vcpu: Vcpu, spte: bigint): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  const slots = yield* vcpuMemslots(vcpu);
  const generation = yield* slots.generation.readOnce();
  // The low bit of 2014 is not in the entry: a transient generation fits none.
  if (kvm.config.generations === Generations.BIT_63) {
    distrust_transient_generation: if (inProgress(kvm, generation)) return false;
  }
  return (
    truncateGeneration(generation, kvm.config.mmioLayout) === mmioGenerationOf(spte, kvm.config.mmioLayout)
  );
}
