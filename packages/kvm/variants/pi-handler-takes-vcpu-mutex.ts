/** The handler of the wake-up vector keeps each vCPU still while it looks at it: vcpu->mutex is taken inside the list's lock. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import type { Vcpu } from '../src/virt/kvm.ts';
import { PI_ON } from '../src/x86/posted-intr-desc.ts';
import { wakeUpVcpu } from '../src/x86/posted-intr-run.ts';
import { type PiDesc, type PiPerCpu, type VmPi, wakeupLock } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr-irq.ts#wakeupHandler f47b5a25 */
export function* wakeupHandler(vm: VmPi, cpu: HostCpu): Task {
  const percpu = vm.percpu.get(cpu.id) as PiPerCpu;
  const lock = wakeupLock(vm, percpu);
  yield* lock.lock();
  for (let pi = percpu.wakeupVcpusOnCpu; pi !== null; pi = pi.wakeupNext) {
    const { mutex } = pi.vcpu as Vcpu;
    yield* mutex.lock();
    if (((yield* (pi.desc as PiDesc).control.readOnce()) & PI_ON) !== 0n) yield* wakeUpVcpu(pi);
    yield* mutex.unlock();
  }
  yield* lock.unlock();
}
