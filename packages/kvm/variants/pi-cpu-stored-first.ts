/** The new CPU is stored before the vCPU has left the list of the old one, which nothing names any more. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import { vcpuPiLoad } from '../src/x86/posted-intr.ts';
import { vcpuPiLoadOld } from '../src/x86/posted-intr-old.ts';
import { loadedOn, type VcpuPi, type VmPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr-run.ts#vcpuLoad 169f62ff */
export function* vcpuLoad(pi: VcpuPi, cpu: HostCpu): Task {
  if (loadedOn(pi) !== cpu) yield* pi.cpu.writeOnce(cpu);
  if ((pi.vm as VmPi).old === 1) yield* vcpuPiLoadOld(pi, cpu);
  else yield* vcpuPiLoad(pi, cpu);
}
