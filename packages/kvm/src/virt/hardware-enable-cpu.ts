/**
 * @area hw
 *
 * One CPU goes into VMX operation and out of it, with its interrupts off.
 */
import { bugOn, type Task } from '@faultline/machine';
import { EIO } from '../errno.ts';
import type { HostCpu } from '../hw/host-cpu.ts';
import { type HardwareCpu, hardwareCpu, type KvmHardware } from './hardware-enable-state.ts';

/** @kernel hardware_enable_nolock virt/kvm/kvm_main.c */
export function* hardwareEnableNolock(hw: KvmHardware, cpu: HostCpu): Task<number> {
  const state = hardwareCpu(hw, cpu);
  enable_once: if (state.enabled === 1) return 0;
  const error = vmxon(state);
  if (error !== 0) {
    yield* hw.enableFailed.fetchAdd(1);
    return error;
  }
  state.enabled = 1;
  return 0;
}

/** @kernel hardware_disable_nolock virt/kvm/kvm_main.c */
export function hardwareDisableNolock(hw: KvmHardware, cpu: HostCpu): void {
  const state = hardwareCpu(hw, cpu);
  disable_if_enabled: if (state.enabled === 0) return;
  bugOn(state.vmxOn === 0, 'invalid opcode: VMXOFF outside VMX operation');
  state.vmxOn = 0;
  state.enabled = 0;
}

/** @kernel kvm_cpu_vmxon arch/x86/kvm/vmx/vmx.c */
function vmxon(state: HardwareCpu): number {
  if (state.locked === 1) return -EIO;
  bugOn(state.vmxOn === 1, 'VMXON in VMX operation');
  state.vmxOn = 1;
  return 0;
}

/** A vCPU enters its guest here. @kernel kvm_spurious_fault arch/x86/kvm/x86.c */
export function vmlaunch(hw: KvmHardware, cpu: HostCpu): void {
  bugOn(hardwareCpu(hw, cpu).vmxOn === 0, 'invalid opcode: VMLAUNCH outside VMX operation');
}
