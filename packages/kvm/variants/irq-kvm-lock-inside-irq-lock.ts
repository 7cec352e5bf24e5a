/** An update of the routes takes kvm->lock inside irq_lock, unless its caller has it. */
import type { Task } from '@faultline/machine';
import { irqRoutingUpdate } from '../src/virt/irq-routing.ts';
import type { IrqRoutingTable, KvmIrq } from '../src/virt/irq-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irq-routing.ts#publishTable c02bbf62 */
export function* publishTable(kvm: Kvm, table: IrqRoutingTable): Task<IrqRoutingTable | null> {
  const irq = kvm.irq as KvmIrq;
  // The default routes have vector 1, and their caller has kvm->lock.
  const callerHolds = table.map.at(0).data.peek() === 1;
  yield* irq.irqLock.lock();
  if (!callerHolds) yield* kvm.lock.lock();
  const old = yield* irq.irqRouting.readOnce();
  yield* irq.irqRouting.assign(table);
  yield* irqRoutingUpdate(kvm);
  if (!callerHolds) yield* kvm.lock.unlock();
  yield* irq.irqLock.unlock();
  return old;
}
