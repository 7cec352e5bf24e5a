/** The round sends its interrupts, and goes on before the CPUs have taken them. */
import type { Task } from '@faultline/machine';
import { type HostCpu, type HostCpus, sendVector, Vector } from '../src/hw/host-cpu.ts';
import { cpusIn, runOn } from '../src/hw/on-each-cpu.ts';
import type { KvmHardware } from '../src/virt/hardware-enable-state.ts';

/** @replaces packages/kvm/src/hw/on-each-cpu.ts#onEachCpu b065dad3 */
export function* onEachCpu(hw: KvmHardware, own: HostCpu, enable: boolean): Task {
  const others = cpusIn(hw.cpus as HostCpus, (yield* hw.online.readOnce()) & ~(1 << own.id));
  for (const cpu of others) {
    if (enable) yield* sendVector(cpu, Vector.CALL_FUNCTION);
    else yield* runOn(hw, cpu, false);
  }
  yield* runOn(hw, own, enable);
}
