/** The vCPU that is switched away is woken there and then, for an earlier post, instead of by an interrupt to its CPU. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import { tryToWakeUp } from '../src/hw/host-sched.ts';
import type { Vcpu } from '../src/virt/kvm.ts';
import type { VcpuPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr.ts#wakeSelf 215442b6 */
export function* wakeSelf(pi: VcpuPi, cpu: HostCpu): Task {
  yield* tryToWakeUp((pi.vcpu as Vcpu).blocking, cpu);
}
