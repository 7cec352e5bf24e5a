/** Arithmetic of memslot generations in both schemes. */
import { GENERATION_MARK } from '@faultline/machine';
import type { Kvm } from './kvm.ts';
import { Generations } from './kvm-config.ts';

/** KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS, or the low bit of 2014. */
export function inProgress(kvm: Kvm, generation: number): boolean {
  return kvm.config.generations === Generations.LOW_BIT
    ? generation % 2 === 1
    : generation >= GENERATION_MARK;
}

/** The value while readers of the old set may still be inside. */
export function transientGeneration(kvm: Kvm, generation: number): number {
  return kvm.config.generations === Generations.LOW_BIT ? generation + 1 : generation + GENERATION_MARK;
}

/** The value after the grace period. Address spaces step by their number, so that no two ever share a value. */
export function nextGeneration(kvm: Kvm, transient: number): number {
  if (kvm.config.generations === Generations.LOW_BIT) return transient + 1;
  const unmarked = transient >= GENERATION_MARK ? transient - GENERATION_MARK : transient;
  return unmarked + kvm.config.addressSpaces;
}
