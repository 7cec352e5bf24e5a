/** An update of the routes keeps the memslots as they are meanwhile: slots_lock is taken inside irq_lock. */
import type { Task } from '@faultline/machine';
import { irqRoutingUpdate } from '../src/virt/irq-routing.ts';
import type { IrqRoutingTable, KvmIrq } from '../src/virt/irq-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irq-routing.ts#publishTable c02bbf62 */
export function* publishTable(kvm: Kvm, table: IrqRoutingTable): Task<IrqRoutingTable | null> {
  const irq = kvm.irq as KvmIrq;
  yield* irq.irqLock.lock();
  yield* kvm.slotsLock.lock();
  const old = yield* irq.irqRouting.readOnce();
  yield* irq.irqRouting.assign(table);
  yield* irqRoutingUpdate(kvm);
  yield* kvm.slotsLock.unlock();
  yield* irq.irqLock.unlock();
  return old;
}
