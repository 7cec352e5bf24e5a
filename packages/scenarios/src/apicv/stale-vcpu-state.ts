import { ApicvInhibit, guestWrite, setOrClearApicvInhibit } from '@faultline/kvm/seams';
import { type AnyScenario, never, scenario } from '@faultline/machine';
import { type ApicvVm, apicRegister, apicvVm, isMapped, memoryUntouched } from '../vm/apicv-vm.ts';

/** What the guest writes to its task-priority register. */
const PRIORITY = 0x20n;

/** What a fault may meet of an update in progress, as seed 001 counts the cases. */
const CASE_1 = 'case 1: the VM has APICv on already, the vCPU still off';
const CASE_2A =
  'case 2a: the VM has it off, the vCPU still on, and the fault installs an entry before the zap';
const CASE_2B = 'case 2b: the VM has it off, the vCPU still on, and the fault gives up because of the zap';

interface Options {
  readonly faultJudgedBy: 'VM' | 'vCPU';
  readonly compareWith?: AnyScenario;
  readonly claims?: AnyScenario['claims'];
  readonly defends?: readonly string[];
}

/**
 * APICv is turned off and on again while the guest writes to its APIC. Whatever the fault goes by, and however late that
 * is, the write ends in the APIC, once: never in the page that is there for the hardware's sake.
 */
function staleState(name: string, title: string, { faultJudgedBy, ...more }: Options) {
  return scenario(`apicv/${name}`, {
    title,
    source: "seed 001, KVM: x86/mmu: Use vCPU's APICv status when handling APIC_ACCESS memslot",
    size: '1 vCPU, 1 write to its APIC, 1 reason set and cleared, tables of 1 level, flush real',
    ...more,
    *setup() {
      return yield* apicvVm({ apicv: { faultJudgedBy, countRaces: true } });
    },
    threads: {
      *vcpu0(vm: ApicvVm) {
        return (yield* guestWrite(vm.vcpu, apicRegister(vm, 'TPR'), PRIORITY)).via;
      },
      *vmm({ kvm }: ApicvVm) {
        yield* setOrClearApicvInhibit(kvm, ApicvInhibit.IRQWIN, true);
        yield* setOrClearApicvInhibit(kvm, ApicvInhibit.IRQWIN, false);
      },
    },
    always: {
      'what the guest writes to its APIC is in the APIC': (_, { apic }) => apic.tpr === Number(PRIORITY),
      'the page behind the APIC stays as it is': (_, vm) => memoryUntouched(vm),
      'the update comes to an end': never('deadlock'),
    },
    sometimes: {
      [CASE_1]: (_, { apic }) => apic.metEnabledVm > 0,
      [CASE_2A]: (_, { apic }) => apic.installedBadSpte > 0,
      [CASE_2B]: (_, { apic }) => apic.gaveUpAfterZap > 0,
      'the hardware does it': ({ results }) => results.vcpu0 === 'virtual APIC',
      'KVM emulates it': ({ results }) => results.vcpu0 === 'local APIC',
    },
    final: (vm) => ({ tpr: vm.apic.tpr, active: vm.apic.apicvActive.peek(), mapped: isMapped(vm) }),
  });
}

/** As every kernel has it: a fault on the APIC's frame goes by the state of the VM. */
export const staleVmState = staleState(
  'stale-vm-state',
  "a fault goes by the VM's APICv state, which changes before its entry is installed",
  { faultJudgedBy: 'VM' },
);

/** As seed 001 proposes: it goes by the state of the vCPU, which is that of the access, if late. */
export const staleVcpuState = staleState(
  'stale-vcpu-state',
  "a fault goes by the vCPU's APICv state, which is no longer the VM's",
  { faultJudgedBy: 'vCPU', compareWith: staleVmState },
);
