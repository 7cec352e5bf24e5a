/** Irqfds are refreshed before the new table is published: each looks its route up in the old one. */
import type { Task } from '@faultline/machine';
import { irqRoutingUpdate } from '../src/virt/irq-routing.ts';
import type { IrqRoutingTable, KvmIrq } from '../src/virt/irq-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irq-routing.ts#publishTable c02bbf62 */
export function* publishTable(kvm: Kvm, table: IrqRoutingTable): Task<IrqRoutingTable | null> {
  const irq = kvm.irq as KvmIrq;
  yield* irq.irqLock.lock();
  yield* irqRoutingUpdate(kvm);
  const old = yield* irq.irqRouting.readOnce();
  yield* irq.irqRouting.assign(table);
  yield* irq.irqLock.unlock();
  return old;
}
