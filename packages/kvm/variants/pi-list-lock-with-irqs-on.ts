/** A vCPU that is back takes the list's lock with interrupts on: its CPU's handler may come while it holds it. */
import type { Task } from '@faultline/machine';
import { type HostCpu, localIrqRestore, localIrqSave } from '../src/hw/host-cpu.ts';
import { noticeSuppressed, notifyNormally, percpuOf, unlink } from '../src/x86/posted-intr.ts';
import { nvOf, POSTED_INTR_WAKEUP_VECTOR } from '../src/x86/posted-intr-desc.ts';
import { loadedOn, type PiDesc, type VcpuPi, type VmPi, wakeupLock } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr.ts#vcpuPiLoad 833cf24c */
export function* vcpuPiLoad(pi: VcpuPi, cpu: HostCpu): Task {
  const desc = pi.desc as PiDesc;
  const last = loadedOn(pi);
  if (nvOf(yield* desc.control.readOnce()) === POSTED_INTR_WAKEUP_VECTOR) {
    const percpu = percpuOf(pi, last);
    const lock = wakeupLock(pi.vm as VmPi, percpu);
    // Between two instructions, each of which needs the CPU, an interrupt may be taken.
    yield* localIrqSave(cpu);
    yield* lock.lock();
    yield* localIrqRestore(cpu);
    unlink(percpu, pi);
    yield* localIrqSave(cpu);
    yield* lock.unlock();
    yield* localIrqRestore(cpu);
  }
  yield* notifyNormally(desc, cpu);
  yield* noticeSuppressed(desc);
}
