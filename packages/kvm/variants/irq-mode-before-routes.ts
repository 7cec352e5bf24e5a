/** KVM_CREATE_IRQCHIP says that there is an irqchip before there are routes. */
import type { Task } from '@faultline/machine';
import { setIrqRouting } from '../src/virt/irq-routing.ts';
import type { KvmIrq } from '../src/virt/irq-state.ts';
import { DEFAULT_ROUTING, IrqchipMode, registerIoapic } from '../src/virt/irqchip.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irqchip.ts#buildIrqchip f3bddcde */
export function* buildIrqchip(kvm: Kvm): Task {
  yield* registerIoapic(kvm);
  yield* (kvm.irq as KvmIrq).irqchipMode.writeOnce(IrqchipMode.KERNEL);
  yield* setIrqRouting(kvm, DEFAULT_ROUTING);
}
