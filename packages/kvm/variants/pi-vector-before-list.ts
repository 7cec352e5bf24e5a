/** The vCPU asks to be woken, and joins the list afterwards, with interrupts on: a wake-up in between finds nobody. */
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
  yield* notify(desc, cpu, POSTED_INTR_WAKEUP_VECTOR);
  const posted = ((yield* desc.control.readOnce()) & PI_ON) !== 0n;
  yield* localIrqSave(cpu);
  yield* joinListOf(pi, cpu);
  if (posted) yield* undoPreBlock(pi, cpu);
  yield* localIrqRestore(cpu);
  return pi.prePcpu !== null;
}
