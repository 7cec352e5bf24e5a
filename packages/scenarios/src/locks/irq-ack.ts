import {
  AckAction,
  AckNotifier,
  acknowledge,
  allocAckNotifier,
  registerAckNotifier,
  setIrqRouting,
  unregisterAckNotifier,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { type IrqVm, irqVm, LINE, msi, pin } from '../vm/irq-vm.ts';

interface WithNotifier extends IrqVm {
  readonly kian: AckNotifier;
}

function* withNotifier(action: number, route = msi(1)): Task<WithNotifier> {
  const vm = yield* irqVm({ route });
  const kian = allocAckNotifier(LINE, action);
  yield* registerAckNotifier(vm.kvm, kian);
  return { ...vm, kian };
}

/** A notifier is taken off the list and freed while the guest acknowledges its line. */
export const ackNotifierFreed = scenario('locks/ack-notifier-freed-under-an-ack', {
  title: 'an ack notifier is freed while it is being called',
  source: 'kvm_unregister_irq_ack_notifier',
  size: '1 acknowledgement, 1 notifier that goes',
  defends: ['locks.unregister_waits_for_acks'],
  *setup() {
    return yield* withNotifier(AckAction.COUNT);
  },
  threads: {
    *vcpu0({ kvm }: WithNotifier) {
      yield* acknowledge(kvm, LINE);
    },
    *vmm({ kvm, kian }: WithNotifier) {
      yield* unregisterAckNotifier(kvm, kian);
      const calls = yield* kian.calls.readOnce();
      AckNotifier.free(kian);
      return calls;
    },
  },
  always: {
    'no notifier is called after it was freed': never('use after free'),
  },
  sometimes: {
    'it is called': ({ results }) => results.vmm === 1,
    'it is not': ({ results }) => results.vmm === 0,
  },
});

/**
 * A notifier takes irq_lock, inside the section in which it is called. An update of the routes waits for such sections,
 * so it has dropped irq_lock by then.
 */
export const ackWaitsForIrqLock = scenario('locks/ack-waits-for-irq-lock', {
  title: 'an ack notifier waits for irq_lock, whose holder waits for acknowledgements to end',
  source: 'kvm_set_irq_routing, kvm_notify_acked_irq',
  size: '1 acknowledgement, 1 KVM_SET_GSI_ROUTING',
  *setup() {
    return yield* withNotifier(AckAction.REGISTER);
  },
  threads: {
    *vcpu0({ kvm }: WithNotifier) {
      yield* acknowledge(kvm, LINE);
    },
    *vmm({ kvm }: WithNotifier) {
      return yield* setIrqRouting(kvm, [msi(2)]);
    },
  },
  always: {
    'the acknowledgement and the ioctl both end': never('deadlock'),
  },
  sometimes: {
    'the notifier has registered another': (_, { irq, kian }) => irq.ackNotifiers.peek() !== kian,
  },
});

/** A notifier raises its line again, which takes the lock of the I/O APIC: the acknowledgement has dropped it. */
export const ackEntersIoapicAgain = scenario('locks/ack-enters-the-ioapic-again', {
  title: 'an ack notifier raises a line of the I/O APIC whose lock the acknowledgement holds',
  source: 'kvm_ioapic_update_eoi_one',
  size: '1 acknowledgement',
  defends: ['locks.drop_lock_for_acks'],
  *setup() {
    return yield* withNotifier(AckAction.RAISE, pin(1));
  },
  threads: {
    *vcpu0({ kvm }: WithNotifier) {
      yield* acknowledge(kvm, LINE);
    },
    *vmm({ kvm }: WithNotifier) {
      return yield* setIrqRouting(kvm, [pin(2)]);
    },
  },
  always: {
    'the acknowledgement comes to an end': never('deadlock'),
  },
  sometimes: {
    'the line is raised again': (_, { irq }) => irq.ioapicIrr === 1,
  },
});
