import {
  deliverInterrupt,
  exitGuest,
  haltInGuest,
  interruptController,
  noMoreIpis,
  spinForVectors,
} from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { type ApicvVm, apicvVm, turnOff } from '../vm/apicv-vm.ts';

/** The guest spins for the more urgent one; the other may have to wait for as long as that is in service. */
const URGENT = 9;
const OTHER = 5;
const THIRD = 4;
const BOTH = (1 << URGENT) | (1 << OTHER);
const ALL = BOTH | (1 << THIRD);
const KEPT = 'each vector that was sent is posted, requested or in service';
const SLEEPS_ON = 'no vCPU sleeps on without an interrupt that it was sent';
const RUNS_ON = 'no guest runs on without an interrupt that it was sent';

/**
 * Two devices post their vectors at once. Each bit is set by an atomic operation, and so is the note that something was
 * posted: who finds it set relies on whoever set it, and the vCPU takes all that is there. A note that is left behind by mistake does its harm to the
 * next post, so one of the devices posts again.
 */
export const oneOfTwoPostsLost = scenario('apicv/one-of-two-posts-lost', {
  title: 'a guest runs for ever without an interrupt that was posted beside another one',
  source: 'vmx_deliver_posted_interrupt, vmx_sync_pir_to_irr',
  size: '1 vCPU whose guest spins, 2 devices with 1 and 2 interrupts, entry real',
  defends: ['apicv.post_vector', 'apicv.note_post', 'apicv.take_posted'],
  *setup() {
    return yield* apicvVm({ apicv: { vendor: 'vmx' }, mmu: { vcpuEntry: 'real' } });
  },
  threads: {
    *vcpu0({ vcpu }: ApicvVm) {
      yield* exitGuest(vcpu);
      yield* spinForVectors(vcpu, 1 << URGENT);
    },
    *device0({ vcpu }: ApicvVm) {
      yield* deliverInterrupt(vcpu, THIRD);
      yield* noMoreIpis(vcpu);
    },
    *device1({ vcpu }: ApicvVm) {
      yield* deliverInterrupt(vcpu, OTHER);
      yield* deliverInterrupt(vcpu, URGENT);
      yield* interruptController(vcpu);
    },
  },
  always: {
    [RUNS_ON]: never('livelock'),
    [KEPT]: (_, vm) => kept(vm, ALL),
  },
  sometimes: {
    'the hardware delivers both': (_, { apic }) => apic.delivered.peek() === 2,
  },
});

/** The same with APICv off, for a guest that halts: the vectors are noted in the software's APIC, which the vCPU empties one by one. */
export const oneOfTwoVectorsLost = scenario('apicv/one-of-two-vectors-lost', {
  title: 'a vCPU sleeps for ever without an interrupt that its APIC was given beside another one',
  source: 'kvm_lapic_set_irr, kvm_apic_get_interrupt',
  size: '1 vCPU whose guest halts, 2 devices with 1 interrupt each, APICv off, entry real',
  defends: ['apicv.request_vector', 'apicv.accept_vector'],
  *setup() {
    const vm = yield* apicvVm({ apicv: { vendor: 'vmx' }, mmu: { vcpuEntry: 'real' } });
    yield* turnOff(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: ApicvVm) {
      yield* haltInGuest(vcpu, 1 << URGENT);
    },
    *device0({ vcpu }: ApicvVm) {
      yield* deliverInterrupt(vcpu, OTHER);
    },
    *device1({ vcpu }: ApicvVm) {
      yield* deliverInterrupt(vcpu, URGENT);
    },
  },
  always: {
    [SLEEPS_ON]: never('livelock'),
    [KEPT]: (_, vm) => kept(vm, BOTH),
  },
  sometimes: {
    'KVM injects both': (_, { vcpu }) => vcpu.injected === BOTH,
  },
});

function kept({ apic }: ApicvVm, sent: number): boolean {
  return ((apic.pir.peek() | apic.irr.peek() | apic.isr) & sent) === sent;
}
