import { createVm, type Kvm } from '@faultline/kvm';
import { createIrqchip } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';

const EEXIST = 17;

/**
 * KVM_CREATE_IRQCHIP from two threads of the VMM. The I/O APIC goes on the MMIO bus, once: kvm->lock is held from the look
 * whether there is one to the mode that says so.
 */
export const irqchipMadeTwice = scenario('io/irqchip-made-twice', {
  title: 'a VM has two I/O APICs at one address',
  source: 'kvm_arch_vm_ioctl, KVM_CREATE_IRQCHIP',
  size: '2 KVM_CREATE_IRQCHIP',
  defends: ['locks.make_irqchip_alone'],
  *setup() {
    return yield* createVm({ tableEntries: 1, irqRouting: true });
  },
  threads: {
    *one(kvm: Kvm) {
      return yield* createIrqchip(kvm);
    },
    *other(kvm: Kvm) {
      return yield* createIrqchip(kvm);
    },
  },
  always: {
    'one makes it, the other gets -EEXIST': ({ results: { one, other } }) =>
      Math.max(one, other) === 0 && Math.min(one, other) === -EEXIST,
  },
  sometimes: {
    'the first thread is faster': ({ results }) => results.one === 0,
    'the second thread is faster': ({ results }) => results.other === 0,
  },
});
