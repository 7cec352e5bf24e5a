import { ApicvInhibit, exitGuest, guestRead, guestWrite, setOrClearApicvInhibit } from '@faultline/kvm/seams';
import { type Claim, never, scenario } from '@faultline/machine';
import {
  type ApicvVm,
  apicRegister,
  apicvVm,
  ENTRY_ABSTRACT,
  forgetEntry,
  memoryUntouched,
  runsWithApicv,
} from '../vm/apicv-vm.ts';
import { OF_INHIBIT } from './seed-001.ts';

interface More {
  readonly title: string;
  /** Whether the APIC's frame has an entry when the update begins. */
  readonly mapped: boolean;
  readonly defends: readonly string[];
  readonly claims?: readonly Claim[];
}

/**
 * A vCPU leaves its guest, comes back and writes to its APIC, while something comes to speak against APICv. When that has
 * been set, KVM counts on it: no guest runs with APICv on, and no access to an APIC escapes KVM.
 */
function inhibitUnnoticed(name: string, { mapped, ...more }: More) {
  return scenario(`apicv/${name}`, {
    source: 'kvm_set_or_clear_apicv_inhibit, kvm_vcpu_update_apicv',
    size: `1 vCPU, 1 write to its APIC, ${mapped ? '' : 'not '}mapped, APICv turned off, tables of 1 level, flush real`,
    exploredOnly: ENTRY_ABSTRACT,
    ...more,
    *setup() {
      const vm = yield* apicvVm();
      yield* guestRead(vm.vcpu, apicRegister(vm, 'TPR'));
      if (!mapped) forgetEntry(vm);
      return vm;
    },
    threads: {
      *vcpu0(vm: ApicvVm) {
        yield* exitGuest(vm.vcpu);
        const after = yield* vm.flags.returned.readOnce();
        const { via } = yield* guestWrite(vm.vcpu, apicRegister(vm, 'TPR'), 0x20n);
        return { after, via };
      },
      *vmm({ kvm, vcpu, flags }: ApicvVm) {
        yield* setOrClearApicvInhibit(kvm, ApicvInhibit.ABSENT, true);
        const runs = yield* runsWithApicv(vcpu);
        yield* flags.returned.writeOnce(1);
        return runs;
      },
    },
    always: {
      'no guest runs with APICv on when the VM has it off': ({ results }) => !results.vmm,
      'an access to the APIC that begins then is emulated': ({ results: { vcpu0 } }) =>
        vcpu0.after === 0 || vcpu0.via === 'local APIC',
      'what the guest writes to its APIC is in the APIC': (_, vm) =>
        vm.apic.tpr === 0x20 && memoryUntouched(vm),
      'the update comes to an end': never('deadlock'),
    },
    sometimes: {
      'the guest is interrupted': (_, { vcpu }) => vcpu.cpu.vmExits.peek() === 1,
      'the vCPU enters only then': ({ results: { vcpu0 } }) => vcpu0.after === 1,
      'the hardware does the write before': ({ results: { vcpu0 } }) => vcpu0.via === 'virtual APIC',
    },
  });
}

/** The entry is there, and in the TLB: zapping it makes the vCPU leave once more. */
export const inhibitUnnoticedMapped = inhibitUnnoticed('inhibit-unnoticed', {
  title: 'a guest runs on with APICv when the VM has it off',
  mapped: true,
  claims: OF_INHIBIT,
  defends: ['apicv.request_update_first', 'apicv.zap_apic_page', 'apicv.flush_zapped_range'],
});

/** There is nothing to zap, and nothing to flush: only the request makes the vCPU leave. */
export const inhibitUnnoticedUnmapped = inhibitUnnoticed('inhibit-unnoticed-unmapped', {
  title: 'a guest runs on with APICv when the VM has it off, and no entry was there to zap',
  mapped: false,
  defends: ['apicv.request_update_first', 'apicv.refresh_exec_controls'],
});
