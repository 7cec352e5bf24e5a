/** As before 8b306e2f3c41: a VM without devices leaves its vCPUs on the list, and they join it whether or not they are there. */
import type { Task } from '@faultline/machine';
import { localIrqRestore, localIrqSave } from '../src/hw/host-cpu.ts';
import { needsPiWakeup } from '../src/x86/posted-intr.ts';
import { PI_ON, POSTED_INTR_WAKEUP_VECTOR } from '../src/x86/posted-intr-desc.ts';
import { joinListOf, notify, undoPreBlock } from '../src/x86/posted-intr-old.ts';
import { ownCpu, type PiDesc, type VcpuPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr-old.ts#piPreBlock 5ea578fc */
export function* piPreBlock(pi: VcpuPi): Task<boolean> {
  if (!(yield* needsPiWakeup(pi))) return true;
  const cpu = ownCpu(pi);
  const desc = pi.desc as PiDesc;
  yield* localIrqSave(cpu);
  yield* joinListOf(pi, cpu);
  yield* notify(desc, cpu, POSTED_INTR_WAKEUP_VECTOR);
  if (((yield* desc.control.readOnce()) & PI_ON) !== 0n) yield* undoPreBlock(pi, cpu);
  yield* localIrqRestore(cpu);
  return pi.prePcpu !== null;
}

/** @replaces packages/kvm/src/x86/posted-intr-old.ts#piPostBlock 10408bb3 */
export function* piPostBlock(pi: VcpuPi): Task {
  if (!(yield* needsPiWakeup(pi)) || pi.prePcpu === null) return;
  const cpu = ownCpu(pi);
  yield* localIrqSave(cpu);
  yield* undoPreBlock(pi, cpu);
  yield* localIrqRestore(cpu);
}
