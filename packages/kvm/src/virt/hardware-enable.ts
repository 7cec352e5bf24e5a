/**
 * @area hw
 *
 * The first VM enables virtualization on every CPU, the last one disables it.
 */
import { bugOn, type Task } from '@faultline/machine';
import { EBUSY } from '../errno.ts';
import type { HostCpu, HostCpus } from '../hw/host-cpu.ts';
import { cpusIn, onEachCpu, runOn } from '../hw/on-each-cpu.ts';
import { countLock, HardwareForm, type KvmHardware } from './hardware-enable-state.ts';

/** KVM_CREATE_VM's part in it, by a task on `own`. Returns 0 or a negative errno. @kernel hardware_enable_all virt/kvm/kvm_main.c */
export function* hardwareEnableAll(hw: KvmHardware, own: HostCpu): Task<number> {
  yield* lockUsage(hw, own);
  const result = yield* firstUser(hw, own);
  yield* unlockUsage(hw, own);
  return result;
}

/** The VM is gone. @kernel hardware_disable_all virt/kvm/kvm_main.c */
export function* hardwareDisableAll(hw: KvmHardware, own: HostCpu): Task {
  yield* lockUsage(hw, own);
  yield* lastUser(hw, own);
  yield* unlockUsage(hw, own);
}

/** @kernel kvm_enable_virtualization virt/kvm/kvm_main.c */
export function* firstUser(hw: KvmHardware, own: HostCpu): Task<number> {
  count_users: hw.kvmUsageCount++;
  if (hw.kvmUsageCount !== 1) return 0;
  const failed = hw.form === HardwareForm.USAGE_LOCK ? yield* setupState(hw) : yield* enableRound(hw, own);
  if (!failed) return 0;
  // Whoever was enabled is not needed, and nobody else will say so.
  undo_failed_round: yield* lastUser(hw, own);
  return -EBUSY;
}

export function* enableRound(hw: KvmHardware, own: HostCpu): Task<boolean> {
  yield* hw.enableFailed.writeOnce(0);
  yield* onEachCpu(hw, own, true);
  return (yield* hw.enableFailed.readOnce()) !== 0;
}

/** @kernel kvm_disable_virtualization virt/kvm/kvm_main.c */
export function* lastUser(hw: KvmHardware, own: HostCpu): Task {
  bugOn(hw.kvmUsageCount === 0, 'virtualization is disabled more often than it was enabled');
  hw.kvmUsageCount--;
  if (hw.kvmUsageCount !== 0) return;
  if (hw.form === HardwareForm.USAGE_LOCK) yield* removeState(hw);
  else disable_for_last: yield* onEachCpu(hw, own, false);
}

/** From here on CPUs that come up call KVM, and those that are up do so now; undone if one fails. @kernel __cpuhp_setup_state kernel/cpu.c */
export function* setupState(hw: KvmHardware): Task<boolean> {
  yield* hw.enableFailed.writeOnce(0);
  yield* hw.cpuHotplugLock.readLock();
  enable_those_that_are_up: yield* callEach(hw, true);
  call_for_new_cpus: yield* hw.stateInstalled.writeOnce(1);
  yield* hw.cpuHotplugLock.readUnlock();
  return (yield* hw.enableFailed.readOnce()) !== 0;
}

/** @kernel __cpuhp_remove_state kernel/cpu.c */
export function* removeState(hw: KvmHardware): Task {
  yield* hw.cpuHotplugLock.readLock();
  yield* hw.stateInstalled.writeOnce(0);
  disable_those_that_are_up: yield* callEach(hw, false);
  yield* hw.cpuHotplugLock.readUnlock();
}

/** Each CPU's own hotplug thread runs it. */
export function* callEach(hw: KvmHardware, enable: boolean): Task {
  const up = cpusIn(hw.cpus as HostCpus, yield* hw.online.readOnce());
  for (const cpu of up) yield* runOn(hw, cpu, enable);
}

/** What keeps the count, and the CPUs where that is part of it. */
export function* lockUsage(hw: KvmHardware, own: HostCpu): Task {
  if (hw.form === HardwareForm.USAGE_LOCK) yield* hw.kvmUsageLock.lock();
  else if (hw.form === HardwareForm.KVM_LOCK) {
    // No CPU comes or goes between a look at the online ones and the round over them.
    block_hotplug: yield* hw.cpuHotplugLock.readLock();
    yield* hw.kvmLock.lock();
  } else {
    yield* own.preempt.lock();
    yield* countLock(hw).lock();
  }
}

function* unlockUsage(hw: KvmHardware, own: HostCpu): Task {
  if (hw.form === HardwareForm.USAGE_LOCK) yield* hw.kvmUsageLock.unlock();
  else if (hw.form === HardwareForm.KVM_LOCK) {
    yield* hw.kvmLock.unlock();
    allow_hotplug: yield* hw.cpuHotplugLock.readUnlock();
  } else {
    yield* countLock(hw).unlock();
    yield* own.preempt.unlock();
  }
}
