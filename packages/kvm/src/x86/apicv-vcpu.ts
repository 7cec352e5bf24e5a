/**
 * @area apicv
 *
 * The vCPU's part of an update: its APICv state becomes the VM's when it is on its way into the guest.
 */
import type { Task } from '@faultline/machine';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { makeRequest, Request } from '../virt/requests.ts';
import type { KvmArch } from './apicv-state.ts';
import { updateApicv } from './lapic.ts';
import type { Lapic } from './lapic-state.ts';

/** Whether nothing speaks against APICv in this VM. @kernel kvm_apicv_activated arch/x86/kvm/x86.c */
export function* apicvActivated(kvm: Kvm): Task<boolean> {
  return (yield* (kvm.arch as KvmArch).apicvInhibitReasons.readOnce()) === 0;
}

/** Whether this vCPU's hardware virtualizes its APIC now. Its own thread asks, which alone writes it. @kernel kvm_vcpu_apicv_active arch/x86/kvm/lapic.h */
export function vcpuApicvActive(vcpu: Vcpu): boolean {
  return (vcpu.apic as Lapic).apicvActive.peek() === 1;
}

/**
 * On KVM_REQ_APICV_UPDATE, on its way into the guest: a vCPU's thread is inside kvm->srcu whenever it is outside its guest.
 *
 * @kernel kvm_vcpu_update_apicv arch/x86/kvm/x86.c
 */
export function* vcpuUpdateApicv(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  const { apicvUpdateLock } = kvm.arch as KvmArch;
  const idx = yield* kvm.srcu.readLock();
  yield* apicvUpdateLock.readLock();
  yield* followVm(vcpu);
  yield* apicvUpdateLock.readUnlock();
  yield* kvm.srcu.readUnlock(idx);
}

/** Under apicv_update_lock: the vCPU's state becomes the VM's. @kernel __kvm_vcpu_update_apicv arch/x86/kvm/x86.c */
export function* followVm(vcpu: Vcpu): Task {
  const apic = vcpu.apic as Lapic;
  const activate = yield* apicvActivated(vcpu.kvm as Kvm);
  if (vcpuApicvActive(vcpu) === activate) return;
  yield* apic.apicvActive.writeOnce(activate ? 1 : 0);
  yield* updateApicv(apic, activate);
  refresh_exec_controls: apic.virtualizes = activate ? 1 : 0;
  // The hardware may have accepted an interrupt that it will not deliver any more.
  request_event_when_off: if (!activate) yield* makeRequest(vcpu, Request.EVENT);
}
