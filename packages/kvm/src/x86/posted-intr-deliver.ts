/**
 * @area pi
 *
 * An interrupt from another vCPU or from the host: posted as the IOMMU does it, in steps, and by a CPU that also knows
 * how to wake a vCPU that sleeps.
 */
import { at, type Task } from '@faultline/machine';
import { type HostCpu, sendVector, Vector } from '../hw/host-cpu.ts';
import { makeVcpuRequest } from '../virt/kick.ts';
import { KVM_MAX_VCPUS, type Kvm, type Vcpu } from '../virt/kvm.ts';
import { Request } from '../virt/requests.ts';
import { VcpuMode } from '../virt/vcpu-mode.ts';
import { PI_ON, pirBit, pirWord } from './posted-intr-desc.ts';
import { wakeUpVcpu } from './posted-intr-run.ts';
import type { PiDesc, VcpuPi, VmPi } from './posted-intr-state.ts';

/** @kernel vmx_deliver_posted_interrupt arch/x86/kvm/vmx/vmx.c */
export function* deliverPostedInterrupt(pi: VcpuPi, vector: number): Task {
  const desc = pi.desc as PiDesc;
  const bit = pirBit(vector);
  if (((yield* pirWord(desc, vector).fetchOr(bit, at('pi.post_vector'))) & bit) !== 0n) return;
  // A notification that is under way covers this request too.
  if (((yield* desc.control.fetchOr(PI_ON)) & PI_ON) !== 0n) return;
  yield* triggerPostedInterrupt(pi);
}

/** ON is set before the mode is read. Pairs with the barrier between mode and ON of the vCPU's entry. @kernel kvm_vcpu_trigger_posted_interrupt arch/x86/kvm/vmx/vmx.c */
export function* triggerPostedInterrupt(pi: VcpuPi): Task {
  const vcpu = pi.vcpu as Vcpu;
  if ((yield* vcpu.mode.readOnce()) === VcpuMode.IN_GUEST) {
    const cpu = (yield* pi.cpu.readOnce()) as HostCpu;
    notify_guest: yield* sendVector(cpu, Vector.POSTED_INTR);
    return;
  }
  wake_for_delivery: yield* wakeUpVcpu(pi);
}

/** The VM is given a device. vCPUs that already sleep did so as if no device could post. @kernel kvm_arch_start_assignment arch/x86/kvm/x86.c */
export function* startAssignment(vm: VmPi): Task {
  if ((yield* vm.assignedDeviceCount.fetchAdd(1)) !== 0) return;
  unblock_sleepers: yield* unblockAll(vm.kvm as Kvm);
}

/** @kernel vmx_pi_start_assignment arch/x86/kvm/vmx/posted_intr.c */
export function* unblockAll(kvm: Kvm): Task {
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = kvm.vcpus.at(i).peek();
    if (vcpu === null) return;
    yield* makeVcpuRequest(vcpu, Request.UNBLOCK);
  }
}

/** @kernel kvm_arch_end_assignment arch/x86/kvm/x86.c */
export function* endAssignment(vm: VmPi): Task {
  yield* vm.assignedDeviceCount.fetchAdd(-1 >>> 0);
}
