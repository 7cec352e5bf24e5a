/** The vCPU says that it is outside while its guest still executes an instruction. */
import type { Task } from '@faultline/machine';
import { irqsOn } from '../src/hw/ipi.ts';
import { insideInstruction, type Touched } from '../src/hw/tdp-access.ts';
import type { Gpa } from '../src/types.ts';
import type { Vcpu } from '../src/virt/kvm.ts';
import { leaveGuest, startInstruction } from '../src/virt/vcpu-entry.ts';
import { VcpuMode } from '../src/virt/vcpu-mode.ts';

/** @replaces packages/kvm/src/virt/vcpu-entry.ts#runInstruction 403f51eb */
export function* runInstruction(vcpu: Vcpu, gpa: Gpa, write: boolean, value: bigint): Task<Touched> {
  yield* startInstruction(vcpu);
  yield* vcpu.mode.writeOnce(VcpuMode.OUTSIDE_GUEST);
  const touched = yield* insideInstruction(vcpu, gpa, write, value);
  if ('value' in touched) yield* irqsOn(vcpu);
  else yield* leaveGuest(vcpu);
  return touched;
}
