/** A vCPU that is back leaves its list with interrupts on: raw_spin_lock() for raw_spin_lock_irqsave(). */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import { leaveWakeupList, noticeSuppressed, notifyNormally } from '../src/x86/posted-intr.ts';
import { nvOf, POSTED_INTR_WAKEUP_VECTOR } from '../src/x86/posted-intr-desc.ts';
import { loadedOn, type PiDesc, type VcpuPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr.ts#vcpuPiLoad 833cf24c */
export function* vcpuPiLoad(pi: VcpuPi, cpu: HostCpu): Task {
  const desc = pi.desc as PiDesc;
  const sleptHere = nvOf(yield* desc.control.readOnce()) === POSTED_INTR_WAKEUP_VECTOR;
  if (sleptHere) yield* leaveWakeupList(pi, loadedOn(pi));
  yield* notifyNormally(desc, cpu);
  yield* noticeSuppressed(desc);
}
