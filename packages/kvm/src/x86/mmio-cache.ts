/**
 * @area mmio
 *
 * A vCPU's own memory of its last MMIO decision: "no slot backs this frame", good for one generation.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import { inProgress } from '../virt/generation.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { Generations } from '../virt/kvm-config.ts';
import { vcpuMemslots } from '../virt/vcpu-memslots.ts';

/** Drops the address of whatever is cached: matches by gva end, a match by gpa does not. */
export const MMIO_GVA_ANY = Number.MAX_SAFE_INTEGER;

/**
 * Remembers that an access to `gfn` is MMIO, unless slots are changing right now. `gva` is 0 with two-dimensional
 * paging, where guest-virtual addresses are the guest's own affair.
 *
 * @kernel vcpu_cache_mmio_info arch/x86/kvm/x86.h
 */
export function* cacheMmioInfo(vcpu: Vcpu, gva: number, gfn: Gfn, access: number): Task {
  const kvm = vcpu.kvm as Kvm;
  if (kvm.config.vcpuMmioCache === 0) return;
  const slots = yield* vcpuMemslots(vcpu);
  const generation = yield* slots.generation.readOnce();
  if (kvm.config.generations === Generations.BIT_63) {
    refuse_transient_generation: if (inProgress(kvm, generation)) return;
  }
  vcpu.mmioGva = gva - (gva % 4096);
  vcpu.mmioAccess = access;
  vcpu.mmioGfn = gfn;
  vcpu.mmioGen = generation;
}

/** @kernel vcpu_match_mmio_gpa arch/x86/kvm/x86.h */
export function* matchMmioGpa(vcpu: Vcpu, gfn: Gfn): Task<boolean> {
  if (vcpu.mmioGfn === 0 || vcpu.mmioGfn !== gfn) return false;
  return yield* matchMmioGen(vcpu);
}

/** @kernel vcpu_match_mmio_gva arch/x86/kvm/x86.h */
export function* matchMmioGva(vcpu: Vcpu, gva: number): Task<boolean> {
  if (vcpu.mmioGva === 0 || vcpu.mmioGva !== gva - (gva % 4096)) return false;
  return yield* matchMmioGen(vcpu);
}

/** On a CR3 switch, INVLPG, or root sync: the address may mean another frame now. @kernel vcpu_clear_mmio_info arch/x86/kvm/x86.h */
export function clearMmioInfo(vcpu: Vcpu, gva: number): void {
  if (gva !== MMIO_GVA_ANY && vcpu.mmioGva !== gva - (gva % 4096)) return;
  vcpu.mmioGva = 0;
}

/** @kernel vcpu_match_mmio_gen arch/x86/kvm/x86.h */
function* matchMmioGen(vcpu: Vcpu): Task<boolean> {
  const slots = yield* vcpuMemslots(vcpu);
  return (yield* slots.generation.readOnce()) === vcpu.mmioGen;
}
