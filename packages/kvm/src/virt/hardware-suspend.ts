/**
 * @area hw
 *
 * The host sleeps and wakes up again. All tasks are frozen by then and all CPUs but one are down, so the one that is left
 * looks at the usage count without its lock, which it could not take with interrupts off.
 */
import { type RwLock, rwSemaphore, type StructType, struct, type Task, type View } from '@faultline/machine';
import { cpuOf, type HostCpu, type HostCpus, localIrqRestore, localIrqSave } from '../hw/host-cpu.ts';
import { hardwareDisableNolock, hardwareEnableNolock } from './hardware-enable-cpu.ts';
import type { KvmHardware } from './hardware-enable-state.ts';
import { cpuDown, cpuUp } from './hardware-hotplug.ts';

/** Of the host's power management. */
export interface HostPower extends View {
  /** Not a lock in the kernel: a task that reads it is anywhere but where tasks may be frozen. */
  readonly freezer: RwLock;
}

export const HostPower: StructType<HostPower> = struct('host_power', { freezer: rwSemaphore }, { as: 'pm' });

/** The first CPU asks for sleep, and comes back from it. @kernel suspend_enter kernel/power/suspend.c */
export function* hostSuspend(hw: KvmHardware, pm: HostPower): Task {
  freeze_tasks: yield* pm.freezer.writeLock();
  const cpus = hw.cpus as HostCpus;
  const boot = cpuOf(cpus, 0);
  for (let id = cpus.count - 1; id > 0; id--) yield* cpuDown(hw, cpuOf(cpus, id));
  yield* localIrqSave(boot);
  disable_for_sleep: kvmSuspend(hw, boot);
  sleep(hw, cpus);
  enable_after_sleep: yield* kvmResume(hw, boot);
  yield* localIrqRestore(boot);
  for (let id = 1; id < cpus.count; id++) yield* cpuUp(hw, cpuOf(cpus, id));
  freeze_tasks: yield* pm.freezer.writeUnlock();
}

/** With interrupts off, on the last CPU. @kernel kvm_suspend virt/kvm/kvm_main.c */
export function kvmSuspend(hw: KvmHardware, cpu: HostCpu): void {
  if (hw.kvmUsageCount !== 0) hardwareDisableNolock(hw, cpu);
}

/** @kernel kvm_resume virt/kvm/kvm_main.c */
export function* kvmResume(hw: KvmHardware, cpu: HostCpu): Task {
  if (hw.kvmUsageCount !== 0) yield* hardwareEnableNolock(hw, cpu);
}

/** A CPU that has slept is not in VMX operation, whatever KVM believes. */
function sleep(hw: KvmHardware, cpus: HostCpus): void {
  for (let id = 0; id < cpus.count; id++) hw.cpu.at(id).vmxOn = 0;
}
