/** A root for the vCPU, of the TDP MMU or of the shadow MMU. */
import type { Task } from '@faultline/machine';
import type { Vcpu } from '../virt/kvm.ts';
import { shadowLoad, shadowReload } from './shadow/roots.ts';
import { mmuLoad as tdpLoad, mmuReload as tdpReload } from './tdp-roots.ts';

/** Unless it has one. @kernel kvm_mmu_load arch/x86/kvm/mmu/mmu.c */
export function* mmuLoad(vcpu: Vcpu): Task {
  if (vcpu.guestMmu === null) yield* tdpLoad(vcpu);
  else if (vcpu.guestMmu.root === null) yield* shadowLoad(vcpu);
}

/** Before the guest is entered, if somebody asked for it: the vCPU has a root, and a valid one. @kernel kvm_mmu_free_obsolete_roots, kvm_mmu_reload arch/x86/kvm/mmu/mmu.c */
export function* mmuReload(vcpu: Vcpu): Task {
  if (vcpu.guestMmu === null) yield* tdpReload(vcpu);
  else yield* shadowReload(vcpu);
}
