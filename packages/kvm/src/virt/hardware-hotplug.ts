/**
 * @area hw
 *
 * CPUs that come and go. One that comes up does so with interrupts off, is then counted online, and only after that
 * active: from there on tasks run on it. Up to 6.2 KVM is told first, before the CPU is online; later, in between.
 */
import type { Task } from '@faultline/machine';
import { cpuOf, type HostCpu, type HostCpus, localIrqRestore, localIrqSave } from '../hw/host-cpu.ts';
import { runOn } from '../hw/on-each-cpu.ts';
import { hardwareDisableNolock, hardwareEnableNolock } from './hardware-enable-cpu.ts';
import { countLock, HardwareForm, type KvmHardware } from './hardware-enable-state.ts';

/** Returns 0 or a negative errno: the CPU is down then. @kernel _cpu_up kernel/cpu.c */
export function* cpuUp(hw: KvmHardware, cpu: HostCpu): Task<number> {
  yield* hw.cpuHotplugLock.writeLock();
  yield* localIrqSave(cpu);
  if (hw.form === HardwareForm.COUNT_LOCK) yield* startingCpu(hw, cpu);
  yield* hw.online.fetchOr(1 << cpu.id);
  yield* localIrqRestore(cpu);
  const result = hw.form === HardwareForm.COUNT_LOCK ? 0 : yield* onlineCpu(hw, cpu);
  refuse_cpu: if (result !== 0) {
    yield* hw.online.fetchAndnot(1 << cpu.id);
    yield* hw.cpuHotplugLock.writeUnlock();
    return result;
  }
  yield* hw.active.fetchOr(1 << cpu.id);
  yield* hw.cpuHotplugLock.writeUnlock();
  return 0;
}

/** Its tasks leave first. From 6.3 on KVM is told next; before, at the very end, with every CPU stopped. @kernel _cpu_down kernel/cpu.c */
export function* cpuDown(hw: KvmHardware, cpu: HostCpu): Task {
  yield* hw.cpuHotplugLock.writeLock();
  yield* hw.active.fetchAndnot(1 << cpu.id);
  // A task that cannot be moved just now is waited for.
  yield* cpu.preempt.lock();
  yield* cpu.preempt.unlock();
  if (hw.form !== HardwareForm.COUNT_LOCK) yield* offlineCpu(hw, cpu);
  const cpus = hw.cpus as HostCpus;
  // @kernel stop_machine_cpuslocked kernel/stop_machine.c: no CPU is anywhere inside a section that keeps its task.
  for (let id = 0; id < cpus.count; id++) yield* cpuOf(cpus, id).preempt.lock();
  yield* localIrqSave(cpu);
  if (hw.form === HardwareForm.COUNT_LOCK) yield* dyingCpu(hw, cpu);
  yield* hw.online.fetchAndnot(1 << cpu.id);
  yield* localIrqRestore(cpu);
  for (let id = cpus.count - 1; id >= 0; id--) yield* cpuOf(cpus, id).preempt.unlock();
  yield* hw.cpuHotplugLock.writeUnlock();
}

/** With interrupts off, on the CPU that comes up. Failure shows in the counter alone. @kernel kvm_starting_cpu virt/kvm/kvm_main.c */
export function* startingCpu(hw: KvmHardware, cpu: HostCpu): Task {
  yield* countLock(hw).lock();
  enable_on_arrival: if (hw.kvmUsageCount !== 0) yield* hardwareEnableNolock(hw, cpu);
  yield* countLock(hw).unlock();
}

/** With interrupts off, on the CPU that goes down. @kernel kvm_dying_cpu virt/kvm/kvm_main.c */
export function* dyingCpu(hw: KvmHardware, cpu: HostCpu): Task {
  yield* countLock(hw).lock();
  disable_on_departure: if (hw.kvmUsageCount !== 0) hardwareDisableNolock(hw, cpu);
  yield* countLock(hw).unlock();
}

/** In the CPU's hotplug thread, which may sleep and never moves. @kernel kvm_online_cpu virt/kvm/kvm_main.c */
export function* onlineCpu(hw: KvmHardware, cpu: HostCpu): Task<number> {
  if (hw.form === HardwareForm.USAGE_LOCK)
    return (yield* hw.stateInstalled.readOnce()) === 1 ? yield* enableHere(hw, cpu) : 0;
  yield* hw.kvmLock.lock();
  const result = hw.kvmUsageCount !== 0 ? yield* enableHere(hw, cpu) : 0;
  yield* hw.kvmLock.unlock();
  return result;
}

export function* enableHere(hw: KvmHardware, cpu: HostCpu): Task<number> {
  yield* localIrqSave(cpu);
  const result = yield* hardwareEnableNolock(hw, cpu);
  yield* localIrqRestore(cpu);
  return result;
}

/** @kernel kvm_offline_cpu virt/kvm/kvm_main.c */
export function* offlineCpu(hw: KvmHardware, cpu: HostCpu): Task {
  if (hw.form === HardwareForm.USAGE_LOCK) {
    const called = (yield* hw.stateInstalled.readOnce()) === 1;
    disable_when_called: if (called) yield* runOn(hw, cpu, false);
    return;
  }
  yield* hw.kvmLock.lock();
  disable_before_departure: if (hw.kvmUsageCount !== 0) yield* runOn(hw, cpu, false);
  yield* hw.kvmLock.unlock();
}
