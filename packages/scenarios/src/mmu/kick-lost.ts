import { acceptIrq, haltInGuest, interruptController, noMoreIpis, spinInGuest } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { type EntryVm, entryVm } from '../vm/entry-vm.ts';

const BOTH = 0b11;

/**
 * A device has two interrupts, one after the other, for a vCPU whose guest runs for ever. Each is left in the local APIC,
 * then requested, then the vCPU is kicked, which does not wait. Wherever the vCPU is on its way into the guest or out of
 * it, it does not stay there without both.
 */
export const kickLost = scenario('mmu/kick-lost', {
  title: 'a vCPU runs its guest for ever, with an interrupt that nobody tells it of',
  source: 'kvm_vcpu_kick, vcpu_enter_guest',
  size: '1 vCPU whose guest spins, 1 device with 2 interrupts, entry real',
  defends: ['mmu.request_event', 'mmu.send_kick', 'mmu.set_in_guest_mode', 'mmu.check_requests_again'],
  *setup() {
    return yield* entryVm();
  },
  threads: {
    *vcpu0({ vcpu }: EntryVm) {
      yield* spinInGuest(vcpu, BOTH);
    },
    *device({ vcpu }: EntryVm) {
      yield* acceptIrq(vcpu, 0);
      yield* acceptIrq(vcpu, 1);
      yield* noMoreIpis(vcpu);
    },
    *apic0({ vcpu }: EntryVm) {
      yield* interruptController(vcpu);
    },
  },
  always: {
    'no guest runs on without an interrupt that it was sent': never('livelock'),
  },
  sometimes: {
    'the guest is interrupted twice': (_, { vcpu }) => vcpu.cpu.vmExits.peek() === 2,
    'it gets both without': (_, { vcpu }) => vcpu.cpu.vmExits.peek() === 0,
  },
});

/** The same for a guest that halts: the vCPU sleeps. It says so, then looks for requests; a kick does it the other way round. */
export const kickedVcpuSleepsOn = scenario('mmu/kick-finds-nobody-asleep', {
  title: 'a vCPU sleeps for ever, with an interrupt that came as it lay down',
  source: 'kvm_vcpu_block, kvm_vcpu_wake_up',
  size: '1 vCPU whose guest halts, 1 device with 2 interrupts, entry real',
  defends: [
    'mmu.request_event',
    'mmu.wake_before_kick',
    'mmu.order_blocking_before_check',
    'mmu.check_before_sleeping',
  ],
  *setup() {
    return yield* entryVm();
  },
  threads: {
    *vcpu0({ vcpu }: EntryVm) {
      yield* haltInGuest(vcpu, BOTH);
      return vcpu.injected;
    },
    *device({ vcpu }: EntryVm) {
      yield* acceptIrq(vcpu, 0);
      yield* acceptIrq(vcpu, 1);
    },
  },
  always: {
    'no vCPU sleeps on with an interrupt for it': never('livelock'),
  },
  sometimes: {
    'it gets both': ({ results }) => results.vcpu0 === BOTH,
  },
});
