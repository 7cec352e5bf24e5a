/** A CPU that waits for the others to take its interrupt takes none itself. */
import type { Task } from '@faultline/machine';
import { cpuOf, type HostCpu, type HostCpus, localIrqRestore, localIrqSave } from '../src/hw/host-cpu.ts';

/** @replaces packages/kvm/src/hw/on-each-cpu.ts#interruptOthers 16beb8b3 */
export function* interruptOthers(cpus: HostCpus, own: HostCpu): Task {
  yield* localIrqSave(own);
  for (let id = 0; id < cpus.count; id++) {
    const cpu = cpuOf(cpus, id);
    if (cpu === own) continue;
    yield* localIrqSave(cpu);
    yield* localIrqRestore(cpu);
  }
  yield* localIrqRestore(own);
}
