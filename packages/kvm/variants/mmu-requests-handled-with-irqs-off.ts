/** A request that comes late is dealt with on the spot, with interrupts off, instead of by going back. */
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
  yield* irqsOff(vcpu);
  yield* vcpu.mode.storeRelease(VcpuMode.IN_GUEST);
  yield* smpMb();
  while (yield* exitRequested(vcpu)) {
    yield* processRequests(vcpu);
    yield* vcpu.mode.storeRelease(VcpuMode.IN_GUEST);
  }
  vcpu.cpu.inGuest = 1;
  yield* irqsOn(vcpu);
}
