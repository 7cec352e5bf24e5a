/**
 * @area hw
 *
 * A function on every CPU that is online, its own included, and back when all have run it. Each runs it with interrupts
 * off; the sender has them on, or two senders wait for each other.
 *
 * As in ipi.ts, the sender executes what the target would, at the moment when that takes interrupts.
 */
import { choose, type Task } from '@faultline/machine';
import { hardwareDisableNolock, hardwareEnableNolock } from '../virt/hardware-enable-cpu.ts';
import type { KvmHardware } from '../virt/hardware-enable-state.ts';
import {
  cpuOf,
  type HostCpu,
  type HostCpus,
  localIrqRestore,
  localIrqSave,
  nextInterrupts,
} from './host-cpu.ts';

/** `own` is the CPU of the task that asks, which keeps it meanwhile. @kernel on_each_cpu include/linux/smp.h */
export function* onEachCpu(hw: KvmHardware, own: HostCpu, enable: boolean): Task {
  const others = cpusIn(hw.cpus as HostCpus, (yield* hw.online.readOnce()) & ~(1 << own.id));
  while (others.length > 0) {
    const next = others.length === 1 ? 0 : yield* choose('CPU that takes the interrupt next', others.length);
    yield* runOn(hw, others[next] as HostCpu, enable);
    others.splice(next, 1);
  }
  yield* runOn(hw, own, enable);
}

/** Interrupts every other CPU, and returns when each has taken it: whatever it did with interrupts off is over. @kernel smp_call_function include/linux/smp.h */
export function* interruptOthers(cpus: HostCpus, own: HostCpu): Task {
  for (let id = 0; id < cpus.count; id++) {
    const cpu = cpuOf(cpus, id);
    if (cpu === own) continue;
    yield* localIrqSave(cpu);
    yield* localIrqRestore(cpu);
  }
}

/** A thread for a CPU: runs what was sent to it by those who do not wait. */
export function* calledFunctions(hw: KvmHardware, cpu: HostCpu): Task {
  while ((yield* nextInterrupts(cpu)) !== 0) {
    yield* hardwareEnableNolock(hw, cpu);
    yield* localIrqRestore(cpu);
  }
}

/** The CPU runs it, when it takes interrupts. */
export function* runOn(hw: KvmHardware, cpu: HostCpu, enable: boolean): Task {
  yield* localIrqSave(cpu);
  if (enable) yield* hardwareEnableNolock(hw, cpu);
  else hardwareDisableNolock(hw, cpu);
  yield* localIrqRestore(cpu);
}

export function cpusIn(cpus: HostCpus, mask: number): HostCpu[] {
  const found: HostCpu[] = [];
  for (let id = 0; id < cpus.count; id++) if ((mask & (1 << id)) !== 0) found.push(cpuOf(cpus, id));
  return found;
}
