/** A vCPU that is back looks for posts first, and ends their suppression afterwards: one in between sets no ON. */
import type { Task } from '@faultline/machine';
import { type HostCpu, localIrqRestore, localIrqSave } from '../src/hw/host-cpu.ts';
import { leaveWakeupList, noticeSuppressed, notifyNormally } from '../src/x86/posted-intr.ts';
import { nvOf, PI_SN, POSTED_INTR_WAKEUP_VECTOR } from '../src/x86/posted-intr-desc.ts';
import { loadedOn, type PiDesc, type VcpuPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr.ts#vcpuPiLoad 833cf24c */
export function* vcpuPiLoad(pi: VcpuPi, cpu: HostCpu): Task {
  const desc = pi.desc as PiDesc;
  const control = yield* desc.control.readOnce();
  const last = loadedOn(pi);
  const sleptHere = nvOf(control) === POSTED_INTR_WAKEUP_VECTOR;
  yield* noticeSuppressed(desc);
  if (!sleptHere && last === cpu) {
    yield* desc.control.fetchAndnot(PI_SN);
    return;
  }
  yield* localIrqSave(cpu);
  if (sleptHere) yield* leaveWakeupList(pi, last);
  yield* notifyNormally(desc, cpu);
  yield* localIrqRestore(cpu);
}
