import { ApicvInhibit, guestWrite, setOrClearApicvInhibit } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { type ApicvVm, apicRegister, apicvVm, ENTRY_ABSTRACT } from '../vm/apicv-vm.ts';

/** Two vectors in service, the second in a higher class; it is level-triggered. */
const LOW = 4;
const HIGH = 9;

/**
 * The guest ends an interrupt by one write to its APIC, while APICv is turned off. The hardware does it and leaves with a
 * trap, because the I/O APIC has to hear of it; or the emulator does all. Either way one vector is ended, and one is left.
 */
export const eoiTwice = scenario('apicv/eoi-twice', {
  title: 'one end of interrupt ends two',
  source: 'kvm_apic_set_eoi_accelerated, kvm_lapic_reg_write',
  size: '1 vCPU, 1 end of interrupt, 2 vectors in service, APICv turned off, tables of 1 level, flush real',
  exploredOnly: ENTRY_ABSTRACT,
  *setup() {
    const vm = yield* apicvVm();
    vm.apic.isr = (1 << LOW) | (1 << HIGH);
    vm.apic.levelVectors = 1 << HIGH;
    return vm;
  },
  threads: {
    *vcpu0(vm: ApicvVm) {
      return (yield* guestWrite(vm.vcpu, apicRegister(vm, 'EOI'), 0n)).via;
    },
    *vmm({ kvm }: ApicvVm) {
      yield* setOrClearApicvInhibit(kvm, ApicvInhibit.ABSENT, true);
    },
  },
  always: {
    'one vector is ended, the higher one': (_, { apic }) => apic.isr === 1 << LOW,
    'the I/O APIC hears of it once': (_, { apic }) => apic.ioapicEois === 1,
  },
  sometimes: {
    'the hardware does it': ({ results }) => results.vcpu0 === 'virtual APIC',
    'KVM emulates it': ({ results }) => results.vcpu0 === 'local APIC',
  },
});
