/** A vCPU looks for a reason to run, and says afterwards that it is not to run: a wake-up in between finds it awake. */
import type { Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import { hasReasonToRun, mayBePreempted, schedule } from '../src/x86/posted-intr-run.ts';
import type { VcpuPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr-run.ts#kvmVcpuBlock 081b74bf */
export function* kvmVcpuBlock(pi: VcpuPi, preemptions: number): Task<number> {
  const { blocking } = pi.vcpu as Vcpu;
  let left = preemptions;
  while (!(yield* hasReasonToRun(pi))) {
    pi.waiting = 1;
    yield* blocking.smpStoreMb(1);
    left = yield* mayBePreempted(pi, left);
    yield* schedule(pi);
  }
  yield* blocking.writeOnce(0);
  pi.waiting = 0;
  return left;
}
