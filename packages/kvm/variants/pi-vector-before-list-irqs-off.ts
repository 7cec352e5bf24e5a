/** The vector changes before the vCPU is on the list, with interrupts off all the time. */
import type { Task } from '@faultline/machine';
import { localIrqRestore, localIrqSave } from '../src/hw/host-cpu.ts';
import { joinWakeupList, notifyWakeup, wakeSelf } from '../src/x86/posted-intr.ts';
import { PI_ON } from '../src/x86/posted-intr-desc.ts';
import { loadedOn, type PiDesc, type VcpuPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr.ts#enableWakeupHandler 5d825422 */
export function* enableWakeupHandler(pi: VcpuPi, irqsOff: boolean): Task {
  const cpu = loadedOn(pi);
  if (!irqsOff) yield* localIrqSave(cpu);
  const control = yield* notifyWakeup(pi.desc as PiDesc);
  yield* joinWakeupList(pi, cpu);
  if ((control & PI_ON) !== 0n) yield* wakeSelf(pi, cpu);
  if (!irqsOff) yield* localIrqRestore(cpu);
}
