import { ApicvInhibit, guestWrite, setOrClearApicvInhibit } from '@faultline/kvm/seams';
import { type AnyScenario, scenario } from '@faultline/machine';
import {
  type ApicvOptions,
  type ApicvVm,
  apicRegister,
  apicvVm,
  ENTRY_ABSTRACT,
  memoryUntouched,
  turnOff,
} from '../vm/apicv-vm.ts';
import { OF_LATE_VCPU_STATE, OF_STALE_VCPU_STATE, OF_STALE_VM_STATE, OF_UNLESS_ASKED } from './seed-001.ts';

/** What the guest writes to its task-priority register. */
const PRIORITY = 0x20n;

/** What a fault may meet of an update in progress, as seed 001 counts the cases. */
const CASE_1 = 'case 1: the VM has APICv on already, the vCPU still off';
const CASE_2A = 'case 2a: the VM has it off, the vCPU on; the fault installs an entry before the zap';
const CASE_2B = 'case 2b: the VM has it off, the vCPU on; the fault gives up because of the zap';
/** The one that it does not have. */
const CASE_3 = 'the VM has it off, the vCPU on; the fault begins after the zap and installs an entry';

const IN_APIC = 'what the guest writes to its APIC is in the APIC';
const UNTOUCHED = 'the page behind the APIC stays as it is';

interface More {
  readonly title: string;
  readonly apicv: ApicvOptions;
  /** APICv goes off, or comes back. */
  readonly turns: 'off' | 'on';
  /** Faults that begin after the zap install an entry all the same. */
  readonly comesBack?: true;
  readonly compareWith?: AnyScenario;
  readonly expect?: 'violated';
  readonly claims?: AnyScenario['claims'];
  readonly defends?: readonly string[];
}

type Happens = Readonly<Record<string, (outcome: unknown, vm: ApicvVm) => boolean>>;

const TURNED_OFF: Happens = {
  [CASE_2A]: (_, { apic }) => apic.badSptesBeforeZap > 0,
  [CASE_2B]: (_, { apic }) => apic.gaveUpAfterZap > 0,
};
const TURNED_ON: Happens = { [CASE_1]: (_, { apic }) => apic.metEnabledVm > 0 };
const COMES_BACK: Happens = { [CASE_3]: (_, { apic }) => apic.badSptesAfterZap > 0 };

/**
 * APICv is turned off, or on, while the guest writes to its APIC. Whatever the fault goes by, and however late that is,
 * the write ends in the APIC: never in the page that is there for the hardware's sake.
 */
function staleState(name: string, { apicv, turns, comesBack, ...more }: More) {
  const races = { ...(turns === 'off' ? TURNED_OFF : TURNED_ON), ...(comesBack === true ? COMES_BACK : {}) };
  return scenario(`apicv/${name}`, {
    source: "seed 001, KVM: x86/mmu: Use vCPU's APICv status when handling APIC_ACCESS memslot",
    size: `1 vCPU, 1 write to its APIC, APICv turned ${turns}, tables of 1 level, flush real`,
    exploredOnly: ENTRY_ABSTRACT,
    benign: Object.keys(races),
    ...more,
    *setup() {
      const vm = yield* apicvVm({ apicv: { ...apicv, countRaces: true } });
      if (turns === 'on') yield* turnOff(vm);
      return vm;
    },
    threads: {
      *vcpu0(vm: ApicvVm) {
        return (yield* guestWrite(vm.vcpu, apicRegister(vm, 'TPR'), PRIORITY)).via;
      },
      *vmm({ kvm }: ApicvVm) {
        yield* setOrClearApicvInhibit(kvm, ApicvInhibit.ABSENT, turns === 'off');
      },
    },
    always: {
      [IN_APIC]: (_, { apic }) => apic.tpr === Number(PRIORITY),
      [UNTOUCHED]: (_, vm) => memoryUntouched(vm),
    },
    sometimes: {
      ...races,
      'the hardware does the write': ({ results }) => results.vcpu0 === 'virtual APIC',
      'KVM emulates it': ({ results }) => results.vcpu0 === 'local APIC',
    },
    final: (vm) => ({ TPR: vm.apic.tpr, page: memoryUntouched(vm) ? 'untouched' : 'written' }),
  });
}

/** As every kernel has it: a fault on the APIC's frame goes by the state of the VM. */
export const staleVmState = staleState('stale-vm-state', {
  title: "a fault goes by the VM's APICv state, which changes before its entry is installed",
  apicv: { vendor: 'svm', faultGoesBy: 'VM' },
  defends: ['apicv.emulate_when_off', 'notifier.bump_invalidate_seq'],
  turns: 'off',
  claims: OF_STALE_VM_STATE,
});

/**
 * As seed 001 proposes: it goes by the state of the vCPU. That is wrong on AMD. A vCPU that left its guest before the
 * update was asked for may come to handle its fault when the zap is over: the sequence of invalidations is the new one,
 * the vCPU's state still the old one. The entry stays, and the guest meets it with APICv off.
 */
export const staleVcpuState = staleState('stale-vcpu-state', {
  title: "a fault goes by the vCPU's APICv state, begins after the zap, and brings the entry back",
  apicv: { vendor: 'svm', faultGoesBy: 'vCPU' },
  turns: 'off',
  comesBack: true,
  compareWith: staleVmState,
  expect: 'violated',
  claims: OF_STALE_VCPU_STATE,
});

/** The same on Intel's hardware, which knows the access page by its frame, and leaves to KVM what it may not virtualize. */
export const staleVcpuStateOnIntel = staleState('stale-vcpu-state-on-intel', {
  title: "a fault goes by the vCPU's APICv state, with hardware that knows the page by its frame",
  apicv: { vendor: 'vmx', faultGoesBy: 'vCPU' },
  turns: 'off',
  comesBack: true,
  compareWith: staleVmState,
});

/**
 * The vCPU's state, unless the vCPU has been asked to look at it. A zap that the sequence does not tell of was over before
 * it was read, and so the request was there: the two together are enough, and neither is alone.
 */
export const staleVcpuStateUnlessAsked = staleState('stale-vcpu-state-unless-asked', {
  title: "a fault goes by the vCPU's APICv state if no update is pending, which it becomes later",
  apicv: { vendor: 'svm', faultGoesBy: 'vCPU unless asked' },
  defends: ['apicv.emulate_when_asked', 'notifier.bump_invalidate_seq'],
  claims: OF_UNLESS_ASKED,
  turns: 'off',
  compareWith: staleVmState,
});

/** APICv comes back: an entry may be installed before the vCPU knows. It does not enter its guest before it does. */
export const earlyVmState = staleState('early-vm-state', {
  title: "a fault goes by the VM's APICv state, ahead of the vCPU's",
  apicv: { vendor: 'svm', faultGoesBy: 'VM' },
  turns: 'on',
});

/** The other way round: the vCPU emulates once more, and remembers nothing of it. */
export const lateVcpuState = staleState('late-vcpu-state', {
  title: "a fault goes by the vCPU's APICv state, behind the VM's",
  apicv: { vendor: 'svm', faultGoesBy: 'vCPU' },
  turns: 'on',
  compareWith: earlyVmState,
  claims: OF_LATE_VCPU_STATE,
});
