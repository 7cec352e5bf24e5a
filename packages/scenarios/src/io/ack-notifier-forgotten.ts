import type { Kvm } from '@faultline/kvm';
import {
  AckAction,
  type AckNotifier,
  allocAckNotifier,
  type KvmIrq,
  registerAckNotifier,
  unregisterAckNotifier,
} from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { irqVm, LINE } from '../vm/irq-vm.ts';

interface Notifiers {
  readonly kvm: Kvm;
  readonly irq: KvmIrq;
  readonly first: AckNotifier;
  readonly second: AckNotifier;
}

function* notifiers(): Task<Notifiers> {
  const { kvm, irq } = yield* irqVm();
  const made = () => allocAckNotifier(LINE, AckAction.COUNT);
  return { kvm, irq, first: made(), second: made() };
}

/** Whether the guest's acknowledgement would reach it. */
function isCalled({ irq }: Notifiers, kian: AckNotifier): boolean {
  for (let at = irq.ackNotifiers.peek(); at !== null; at = at.link.peek())
    if (at.addr === kian.addr) return true;
  return false;
}

/** Two device models ask at once to be told of acknowledgements. Walks of the list need no lock; changes of it do. */
export const ackNotifierForgotten = scenario('io/ack-notifier-forgotten', {
  title: 'a device model is not told that the guest has acknowledged its interrupt',
  source: 'kvm_register_irq_ack_notifier',
  size: '2 registrations',
  defends: ['locks.register_ack_alone'],
  *setup() {
    return yield* notifiers();
  },
  threads: {
    *one({ kvm, first }: Notifiers) {
      yield* registerAckNotifier(kvm, first);
    },
    *other({ kvm, second }: Notifiers) {
      yield* registerAckNotifier(kvm, second);
    },
  },
  always: {
    'whoever is registered is told': (_, state) =>
      isCalled(state, state.first) && isCalled(state, state.second),
  },
  sometimes: {
    'the first is ahead in the list': (_, { irq, first }) => irq.ackNotifiers.peek()?.addr === first.addr,
    'the second is ahead in the list': (_, { irq, second }) => irq.ackNotifiers.peek()?.addr === second.addr,
  },
});

/** The same while another one takes its notifier back. */
export const ackNotifierUnlinked = scenario('io/ack-notifier-unlinked-with-another', {
  title: 'a device model takes its notifier back, and that of another one goes with it',
  source: 'kvm_unregister_irq_ack_notifier',
  size: '1 registration, 1 deregistration',
  defends: ['locks.unregister_ack_alone', 'locks.register_ack_alone'],
  *setup() {
    const state = yield* notifiers();
    yield* registerAckNotifier(state.kvm, state.first);
    return state;
  },
  threads: {
    *one({ kvm, first }: Notifiers) {
      yield* unregisterAckNotifier(kvm, first);
    },
    *other({ kvm, second }: Notifiers) {
      yield* registerAckNotifier(kvm, second);
    },
  },
  always: {
    'whoever is registered is told, and nobody else': (_, state) =>
      !isCalled(state, state.first) && isCalled(state, state.second),
  },
  sometimes: {
    'the list has one': (_, { second }) => second.link.peek() === null,
  },
});
