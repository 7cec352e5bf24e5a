import { acceptIrq, flushRemoteTlbs, haltInGuest } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { type EntryVm, entryVm } from '../vm/entry-vm.ts';

const BOTH = 0b11;

/**
 * Two devices, each with an interrupt for a vCPU whose guest halts. Both note theirs in the same word of the local APIC, and
 * neither waits for the other.
 */
export const oneOfTwoInterruptsLost = scenario('mmu/one-of-two-interrupts-lost', {
  title: 'a vCPU sleeps for ever, with an interrupt that another one came with',
  source: '__apic_accept_irq, kvm_make_request',
  size: '1 vCPU whose guest halts, 2 devices with 1 interrupt each, entry real',
  defends: ['mmu.note_interrupt', 'mmu.request_event'],
  *setup() {
    return yield* entryVm();
  },
  threads: {
    *vcpu0({ vcpu }: EntryVm) {
      yield* haltInGuest(vcpu, BOTH);
      return vcpu.injected;
    },
    *device0({ vcpu }: EntryVm) {
      yield* acceptIrq(vcpu, 0);
    },
    *device1({ vcpu }: EntryVm) {
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

/**
 * A device asks a vCPU to look at its interrupts while the MMU asks it to flush its TLB: two bits of one word, set without a
 * lock.
 */
export const requestLostBesideAFlush = scenario('mmu/request-lost-beside-a-flush', {
  title:
    'a vCPU sleeps for ever, because a request of somebody else took the place of the one that it was sent',
  source: 'kvm_make_request',
  size: '1 vCPU whose guest halts, 1 device with 1 interrupt, 1 flush, entry real',
  defends: ['mmu.set_request_bit'],
  *setup() {
    return yield* entryVm();
  },
  threads: {
    *vcpu0({ vcpu }: EntryVm) {
      yield* haltInGuest(vcpu, 1);
      return vcpu.injected;
    },
    *device({ vcpu }: EntryVm) {
      yield* acceptIrq(vcpu, 0);
    },
    *mmu({ kvm }: EntryVm) {
      yield* flushRemoteTlbs(kvm);
    },
  },
  always: {
    'no vCPU sleeps on with an interrupt for it': never('livelock'),
  },
  sometimes: {
    'it gets the interrupt': ({ results }) => results.vcpu0 === 1,
  },
});
