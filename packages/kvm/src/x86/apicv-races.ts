/**
 * What a fault on the APIC's frame met of an update in progress, counted for `sometimes`. The state of the VM is read for
 * the count alone; the reads are visible, so that both orders are explored.
 */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { apicvActivated, vcpuApicvActive } from './apicv-vcpu.ts';
import type { Lapic } from './lapic-state.ts';
import { RetPf } from './ret-pf.ts';

/** As the fault is judged: APICv is on for the VM already, and still off for the vCPU. */
export function* countJudged(vcpu: Vcpu): Task {
  if ((vcpu.kvm as Kvm).config.countApicvRaces === 0 || vcpuApicvActive(vcpu)) return;
  if (yield* apicvActivated(vcpu.kvm as Kvm)) (vcpu.apic as Lapic).metEnabledVm++;
}

/** Under mmu_lock, when a fault that read `seq` has installed an entry or given up: APICv is off for the VM, still on for the vCPU. */
export function* countDecided(vcpu: Vcpu, seq: number, result: number): Task {
  const apic = vcpu.apic as Lapic;
  if (!vcpuApicvActive(vcpu) || (yield* apicvActivated(vcpu.kvm as Kvm))) return;
  if (result === RetPf.RETRY) apic.gaveUpAfterZap++;
  if (result !== RetPf.FIXED) return;
  // In a VM whose only invalidation is that of the update, 0 is before its zap.
  if (seq === 0) apic.badSptesBeforeZap++;
  else apic.badSptesAfterZap++;
}
