/**
 * @area locks
 *
 * Who is called when the guest acknowledges an interrupt. The list is walked inside irq_srcu, and so is each of them
 * called; he may raise lines and take irq_lock there, but not wait for readers of irq_srcu.
 */
import type { Task } from '@faultline/machine';
import { deliver } from './irq-deliver.ts';
import { routeOf } from './irq-routing.ts';
import { AckNotifier, type KvmIrq } from './irq-state.ts';
import { irqfdResamplerAck } from './irqfd-resampler-ack.ts';
import type { Kvm } from './kvm.ts';

/** What a notifier does when it is called: count; raise its line again; register the next notifier; tell irqfds to look again. */
export const AckAction = { COUNT: 0, RAISE: 1, REGISTER: 2, RESAMPLE: 3 } as const;

export function allocAckNotifier(gsi: number, action: number): AckNotifier {
  const kian = AckNotifier.alloc();
  kian.gsi = gsi;
  kian.action = action;
  return kian;
}

/** @kernel kvm_register_irq_ack_notifier virt/kvm/eventfd.c */
export function* registerAckNotifier(kvm: Kvm, kian: AckNotifier): Task {
  const irq = kvm.irq as KvmIrq;
  register_ack_alone: yield* irq.irqLock.lock();
  yield* kian.link.writeOnce(yield* irq.ackNotifiers.readOnce());
  yield* irq.ackNotifiers.assign(kian);
  register_ack_alone: yield* irq.irqLock.unlock();
}

/** Nobody calls it once this has returned: the owner may free it. @kernel kvm_unregister_irq_ack_notifier virt/kvm/eventfd.c */
export function* unregisterAckNotifier(kvm: Kvm, kian: AckNotifier): Task {
  const irq = kvm.irq as KvmIrq;
  unregister_ack_alone: yield* irq.irqLock.lock();
  let cell = irq.ackNotifiers;
  for (let at = yield* cell.readOnce(); at !== null; at = yield* cell.readOnce()) {
    if (at === kian) {
      yield* cell.assign(yield* kian.link.readOnce());
      break;
    }
    cell = at.link;
  }
  unregister_ack_alone: yield* irq.irqLock.unlock();
  unregister_waits_for_acks: yield* irq.irqSrcu.synchronize();
}

/** The guest has acknowledged the interrupt of a line: on a vCPU's thread. @kernel kvm_ioapic_update_eoi_one arch/x86/kvm/ioapic.c */
export function* acknowledge(kvm: Kvm, gsi: number): Task {
  const irq = kvm.irq as KvmIrq;
  yield* irq.ioapicLock.lock();
  irq.ioapicIrr = 0;
  // Whoever is called may raise a line, which takes this lock.
  drop_lock_for_acks: yield* irq.ioapicLock.unlock();
  yield* notifyAckedIrq(kvm, gsi);
  drop_lock_for_acks: yield* irq.ioapicLock.lock();
  yield* irq.ioapicLock.unlock();
}

/** @kernel kvm_notify_acked_irq virt/kvm/eventfd.c */
export function* notifyAckedIrq(kvm: Kvm, gsi: number): Task {
  const irq = kvm.irq as KvmIrq;
  const idx = yield* irq.irqSrcu.readLock();
  let kian = yield* irq.ackNotifiers.rcuDereference();
  while (kian !== null) {
    if (kian.gsi === gsi) yield* callAckNotifier(kvm, kian);
    kian = yield* kian.link.rcuDereference();
  }
  yield* irq.irqSrcu.readUnlock(idx);
}

function* callAckNotifier(kvm: Kvm, kian: AckNotifier): Task {
  yield* kian.calls.fetchAdd(1);
  if (kian.action === AckAction.RESAMPLE) yield* irqfdResamplerAck(kvm.irq as KvmIrq, kian);
  if (kian.action === AckAction.RAISE) {
    const irq = kvm.irq as KvmIrq;
    // The section nests in that of the walk.
    const idx = yield* irq.irqSrcu.readLock();
    const route = yield* routeOf(irq, kian.gsi);
    yield* irq.irqSrcu.readUnlock(idx);
    yield* deliver(kvm, route);
  }
  if (kian.action === AckAction.REGISTER) {
    yield* registerAckNotifier(kvm, allocAckNotifier(kian.gsi, AckAction.COUNT));
  }
}
