/** A route is followed inside the section of irq_srcu in which it was found. */
import type { Task } from '@faultline/machine';
import { deliver } from '../src/virt/irq-deliver.ts';
import { routeOf } from '../src/virt/irq-routing.ts';
import type { KvmIrq } from '../src/virt/irq-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irq-routing.ts#kvmSetIrq 3e40ac20 */
export function* kvmSetIrq(kvm: Kvm, gsi: number): Task<number> {
  const irq = kvm.irq as KvmIrq;
  const idx = yield* irq.irqSrcu.readLock();
  const result = yield* deliver(kvm, yield* routeOf(irq, gsi));
  yield* irq.irqSrcu.readUnlock(idx);
  return result;
}
