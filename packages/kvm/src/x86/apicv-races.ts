/**
 * What a fault on the APIC's frame met of an update in progress, counted for `sometimes`. The state of the other side is
 * read for the count alone; the reads are visible, so that both orders are explored.
 */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { apicvActivated, vcpuApicvActive } from './apicv.ts';
import type { Lapic } from './lapic-state.ts';
import { RetPf } from './ret-pf.ts';

/** When the fault is judged: APICv is on for the VM already, or still off for the vCPU (case 1 of seed 001). */
export function* countJudged(vcpu: Vcpu): Task {
  if ((vcpu.kvm as Kvm).config.countApicvRaces === 0) return;
  if ((yield* apicvActivated(vcpu.kvm as Kvm)) && !(yield* vcpuApicvActive(vcpu))) {
    (vcpu.apic as Lapic).metEnabledVm++;
  }
}

/** Under mmu_lock, when the fault has installed an entry or given up: APICv is off for the VM already, on for the vCPU (2a, 2b). */
export function* countDecided(vcpu: Vcpu, result: number): Task {
  const apic = vcpu.apic as Lapic;
  if ((yield* apicvActivated(vcpu.kvm as Kvm)) || !(yield* vcpuApicvActive(vcpu))) return;
  if (result === RetPf.FIXED) apic.installedBadSpte++;
  if (result === RetPf.RETRY) apic.gaveUpAfterZap++;
}
