import { ApicvInhibit, guestRead, guestWrite, setOrClearApicvInhibit } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import {
  type ApicvVm,
  apicRegister,
  apicvVm,
  ENTRY_ABSTRACT,
  memoryUntouched,
  turnOff,
} from '../vm/apicv-vm.ts';
import { OF_ACCELERATED_AGAIN } from './seed-001.ts';

/**
 * APICv is off, the guest accesses its APIC, APICv comes back. The access left nothing behind that says "this is MMIO",
 * neither in the vCPU nor in the page table: the next one goes to the hardware, with the values that the last one left.
 */
export const neverAcceleratedAgain = scenario('apicv/never-accelerated-again', {
  title: 'an access that was emulated with APICv off is emulated for ever',
  source: 'seed 001; kvm_faultin_pfn',
  size: '1 vCPU, 1 write and 1 read of its APIC, APICv turned on between, tables of 1 level, flush real',
  exploredOnly: ENTRY_ABSTRACT,
  claims: OF_ACCELERATED_AGAIN,
  *setup() {
    const vm = yield* apicvVm();
    yield* turnOff(vm);
    return vm;
  },
  threads: {
    *vcpu0(vm: ApicvVm) {
      const first = yield* guestWrite(vm.vcpu, apicRegister(vm, 'TPR'), 0x20n);
      yield* vm.flags.returned.awaitEqual(1);
      const second = yield* guestRead(vm.vcpu, apicRegister(vm, 'TPR'));
      return { first: first.via, second: second.via, read: second.value };
    },
    *vmm({ kvm, flags }: ApicvVm) {
      yield* setOrClearApicvInhibit(kvm, ApicvInhibit.ABSENT, false);
      yield* flags.returned.writeOnce(1);
    },
  },
  always: {
    'an access that begins when APICv is back goes to the hardware': ({ results }) =>
      results.vcpu0.second === 'virtual APIC',
    'it finds what the emulator wrote': ({ results }, vm) =>
      results.vcpu0.read === 0x20n && memoryUntouched(vm),
  },
  sometimes: {
    'the first access is emulated': ({ results }) => results.vcpu0.first === 'local APIC',
    'APICv is back before it': ({ results }) => results.vcpu0.first === 'virtual APIC',
  },
});
