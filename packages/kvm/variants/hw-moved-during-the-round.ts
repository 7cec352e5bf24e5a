/** The task that interrupts all other CPUs is moved before it does its own: the one that it left is nobody's. */
import type { Task } from '@faultline/machine';
import type { HostCpu, HostCpus } from '../src/hw/host-cpu.ts';
import { nextCpu } from '../src/hw/host-sched.ts';
import { cpusIn, runOn } from '../src/hw/on-each-cpu.ts';
import type { KvmHardware } from '../src/virt/hardware-enable-state.ts';

/** @replaces packages/kvm/src/hw/on-each-cpu.ts#onEachCpu b065dad3 */
export function* onEachCpu(hw: KvmHardware, own: HostCpu, enable: boolean): Task {
  const others = cpusIn(hw.cpus as HostCpus, (yield* hw.online.readOnce()) & ~(1 << own.id));
  for (const cpu of others) yield* runOn(hw, cpu, enable);
  yield* runOn(hw, yield* nextCpu(hw.cpus as HostCpus), enable);
}
