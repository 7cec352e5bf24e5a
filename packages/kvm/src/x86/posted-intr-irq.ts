/**
 * @area pi
 *
 * What a CPU does with the two vectors. The normal one is for a guest: its CPU moves the requests into the virtual
 * APIC, and the guest goes on with an interrupt more; in the host it means nothing. The wake-up vector is for the host:
 * a handler on top of whatever runs there wakes the vCPUs of the CPU's list that have a post.
 */
import type { Task } from '@faultline/machine';
import { type HostCpu, localIrqRestore, nextInterrupts, Vector } from '../hw/host-cpu.ts';
import { PI_ON, takePir } from './posted-intr-desc.ts';
import { wakeUpVcpu } from './posted-intr-run.ts';
import { type PiDesc, type PiPerCpu, type VcpuPi, type VmPi, wakeupLock } from './posted-intr-state.ts';

/** A thread for each CPU: takes its interrupts until nobody sends any. */
export function* hostInterrupts(vm: VmPi, cpu: HostCpu): Task {
  for (;;) {
    const vectors = yield* nextInterrupts(cpu);
    if (vectors === 0) return;
    if ((vectors & Vector.POSTED_INTR_WAKEUP) !== 0) yield* wakeupHandler(vm, cpu);
    if (cpu.guest !== 0) yield* takenInGuest(vm, cpu, vectors);
    yield* localIrqRestore(cpu);
  }
}

/** @kernel pi_wakeup_handler arch/x86/kvm/vmx/posted_intr.c */
export function* wakeupHandler(vm: VmPi, cpu: HostCpu): Task {
  const percpu = vm.percpu.get(cpu.id) as PiPerCpu;
  const lock = wakeupLock(vm, percpu);
  yield* lock.lock();
  for (let pi = percpu.wakeupVcpusOnCpu; pi !== null; pi = pi.wakeupNext) {
    const control = yield* (pi.desc as PiDesc).control.readOnce();
    wake_whoever_has_a_post: if ((control & PI_ON) !== 0n) yield* wakeUpVcpu(pi);
  }
  yield* lock.unlock();
}

/** The vector of the guest is processed without an exit; after any other the host has the CPU, and the guest is entered again. */
function* takenInGuest(vm: VmPi, cpu: HostCpu, vectors: number): Task {
  const pi = vm.vcpus.get(cpu.guest - 1) as VcpuPi;
  if ((vectors & Vector.POSTED_INTR) !== 0) {
    const desc = pi.desc as PiDesc;
    yield* desc.control.fetchAndnot(PI_ON);
    pi.virr |= yield* takePir(desc);
  }
  yield* cpu.taken.fetchAdd(1);
}
