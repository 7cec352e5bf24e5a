/** The thread may be moved while the vCPU is loaded, before a switch would take what is loaded along. */
import type { Task } from '@faultline/machine';
import type { HostCpus } from '../src/hw/host-cpu.ts';
import { nextCpu } from '../src/hw/host-sched.ts';
import { vcpuLoad } from '../src/x86/posted-intr-run.ts';
import { ownCpu, type VcpuPi, type VmPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr-run.ts#vcpuLoadHere 4b830a26 */
export function* vcpuLoadHere(pi: VcpuPi): Task {
  const cpus = (pi.vm as VmPi).cpus as HostCpus;
  pi.runsOn = yield* nextCpu(cpus);
  yield* vcpuLoad(pi, ownCpu(pi));
  pi.runsOn = yield* nextCpu(cpus);
}
