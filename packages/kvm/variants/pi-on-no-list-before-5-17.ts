/** A vCPU notes where it sleeps, and is on no list there. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import type { VcpuPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr-old.ts#joinListOf fe0a51aa */
export function* joinListOf(pi: VcpuPi, cpu: HostCpu): Task {
  pi.prePcpu = cpu;
}
