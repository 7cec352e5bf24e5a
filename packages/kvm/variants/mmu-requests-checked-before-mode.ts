/** The vCPU looks at its requests for the last time, and says afterwards that it is in the guest. */
import { smpMb, type Task } from '@faultline/machine';
import { irqsOff, irqsOn } from '../src/hw/ipi.ts';
import type { Vcpu } from '../src/virt/kvm.ts';
import { exitRequested, processRequests } from '../src/virt/vcpu-entry.ts';
import { VcpuMode } from '../src/virt/vcpu-mode.ts';
import { mmuLoad } from '../src/x86/tdp-roots.ts';

/** @replaces packages/kvm/src/virt/vcpu-entry.ts#enterGuest f9aa65a6 */
/** @kernel vcpu_enter_guest arch/x86/kvm/x86.c */
export function* enterGuest(vcpu: Vcpu): Task {
  if (vcpu.root === null) yield* mmuLoad(vcpu);
  for (;;) {
    yield* processRequests(vcpu);
    yield* irqsOff(vcpu);
    if (yield* exitRequested(vcpu)) {
      yield* irqsOn(vcpu);
      continue;
    }
    yield* vcpu.mode.storeRelease(VcpuMode.IN_GUEST);
    yield* smpMb();
    vcpu.cpu.inGuest = 1;
    yield* irqsOn(vcpu);
    return;
  }
}
