import {
  ApicvInhibit,
  deliverInterrupt,
  exitGuest,
  interruptController,
  noMoreIpis,
  setOrClearApicvInhibit,
  spinForVectors,
} from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { type ApicvVm, apicvVm } from '../vm/apicv-vm.ts';

const VECTOR = 9;

/**
 * A device sends an interrupt while APICv is turned off. It may find the vCPU's APICv on, and post; the vCPU may have it
 * off by the time it looks. Wherever the interrupt is by then, in the descriptor or accepted by the APIC, it is looked for.
 */
export const interruptLost = scenario('apicv/interrupt-lost', {
  title: 'a guest runs for ever without an interrupt that was sent as APICv went off',
  source: 'kvm_vcpu_update_apicv, vmx_deliver_posted_interrupt, vmx_sync_pir_to_irr',
  size: '1 vCPU whose guest spins, 1 device with 1 interrupt, APICv turned off, flush and entry real',
  defends: ['apicv.request_event_when_off'],
  *setup() {
    return yield* apicvVm({ apicv: { vendor: 'vmx' }, mmu: { vcpuEntry: 'real' } });
  },
  threads: {
    *vcpu0({ vcpu }: ApicvVm) {
      yield* exitGuest(vcpu);
      yield* spinForVectors(vcpu, 1 << VECTOR);
    },
    *vmm({ kvm }: ApicvVm) {
      yield* setOrClearApicvInhibit(kvm, ApicvInhibit.ABSENT, true);
    },
    *device({ vcpu }: ApicvVm) {
      yield* deliverInterrupt(vcpu, VECTOR);
      // Its interrupts arrive some time later.
      yield* noMoreIpis(vcpu);
      yield* interruptController(vcpu);
    },
  },
  always: {
    'no guest runs on without an interrupt that it was sent': never('livelock'),
  },
  sometimes: {
    'the hardware delivers it': (_, { apic }) => apic.delivered.peek() === 1,
    'KVM injects it': (_, { apic }) => apic.delivered.peek() === 0,
  },
});
