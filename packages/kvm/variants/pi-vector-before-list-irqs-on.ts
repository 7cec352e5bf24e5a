/** A vCPU asks to be woken before it gives up its CPU, and joins the list when it does: a wake-up in between finds nobody. */
import type { Task } from '@faultline/machine';
import type { HostCpus } from '../src/hw/host-cpu.ts';
import { beginSwitch, endSwitch, nextCpu, wokenUp } from '../src/hw/host-sched.ts';
import type { Vcpu } from '../src/virt/kvm.ts';
import { joinWakeupList, notifyWakeup, wakeSelf } from '../src/x86/posted-intr.ts';
import { PI_ON } from '../src/x86/posted-intr-desc.ts';
import { schedIn } from '../src/x86/posted-intr-run.ts';
import { ownCpu, type PiDesc, type VcpuPi, type VmPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr-run.ts#schedule 35717ec8 */
export function* schedule(pi: VcpuPi): Task {
  const { blocking } = pi.vcpu as Vcpu;
  const cpu = ownCpu(pi);
  const control = yield* notifyWakeup(pi.desc as PiDesc);
  yield* beginSwitch(cpu);
  yield* joinWakeupList(pi, cpu);
  if ((control & PI_ON) !== 0n) yield* wakeSelf(pi, cpu);
  yield* endSwitch(cpu);
  if ((yield* blocking.readOnce()) === 1) yield* wokenUp(blocking);
  yield* schedIn(pi, yield* nextCpu((pi.vm as VmPi).cpus as HostCpus));
}
