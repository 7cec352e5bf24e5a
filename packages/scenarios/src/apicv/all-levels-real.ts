import type { Vcpu } from '@faultline/kvm';
import { ApicvInhibit, guestRead, guestWrite, setOrClearApicvInhibit } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { type ApicvVm, apicRegister, apicvVm, memoryUntouched } from '../vm/apicv-vm.ts';

/**
 * Everything real: the grace periods of kvm->srcu, the flush, the entry of both vCPUs, one of which is in its guest with
 * the entry in its TLB. Whatever order they leave and come back in, what they write to their APICs is there.
 */
export const staleVmStateWithAllLevelsReal = scenario('apicv/stale-vm-state-all-levels-real', {
  title: 'APICv goes off under two vCPUs, with every level real',
  source: 'kvm_set_or_clear_apicv_inhibit, kvm_faultin_pfn',
  size: '2 vCPUs, 1 write and 1 read of their APICs, APICv turned off, tables of 1 level, SRCU, flush and entry real',
  deep: true,
  *setup() {
    const vm = yield* apicvVm({ vcpus: 2, srcu: 'real', mmu: { vcpuEntry: 'real' } });
    yield* guestWrite(vm.vcpus[1] as Vcpu, apicRegister(vm, 'TPR'), 0x30n);
    return vm;
  },
  threads: {
    *vcpu0(vm: ApicvVm) {
      return (yield* guestWrite(vm.vcpu, apicRegister(vm, 'TPR'), 0x20n)).via;
    },
    *vcpu1(vm: ApicvVm) {
      return (yield* guestRead(vm.vcpus[1] as Vcpu, apicRegister(vm, 'TPR'))).value;
    },
    *vmm({ kvm }: ApicvVm) {
      yield* setOrClearApicvInhibit(kvm, ApicvInhibit.ABSENT, true);
    },
  },
  always: {
    'what the guest writes to its APIC is in the APIC': ({ results }, { apic }) =>
      apic.tpr === 0x20 && results.vcpu1 === 0x30n,
    'the page behind the APIC stays as it is': (_, vm) => memoryUntouched(vm),
    'the update comes to an end': never('deadlock'),
  },
  sometimes: {
    'the hardware does the write': ({ results }) => results.vcpu0 === 'virtual APIC',
    'KVM emulates it': ({ results }) => results.vcpu0 === 'local APIC',
  },
});
