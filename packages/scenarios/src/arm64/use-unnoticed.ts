import { gfn } from '@faultline/kvm';
import {
  type ArmVcpu,
  type ArmVm,
  armAccess,
  createArmVm,
  handleGuestAbort,
  isYoung,
  referenced,
} from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { instruction } from './guest-frames.ts';

/** A word by which one side waits for the other. */
const MAILBOX = 15;

function* aged(hardwareAf: boolean, inTlb: boolean): Task<ArmVm> {
  const vm = createArmVm({ levels: 2, vcpus: 1, hardwareAf });
  if (inTlb) yield* instruction(vm, 0, 0, 1n);
  else {
    yield* handleGuestAbort(vm.kvm, vm.mm, { gfn: gfn(0), write: true, accessFlag: false });
    yield* referenced(vm.mm, 0);
  }
  return vm;
}

/** The access flag of a page that is not young, set by the hardware while aging clears it: one of the two looks sees it. */
export const useUnnoticed = scenario('arm64/use-unnoticed', {
  title: 'the hardware sets the access flag while aging clears it, and it is lost',
  source: 'stage2ptep_test_and_clear_young, with hardware management of the access flag',
  defends: ['arm64.clear_young'],
  size: '1 vCPU with 1 use, 2 looks of the host, tables of 2 levels',
  *setup() {
    return yield* aged(true, false);
  },
  threads: {
    *vcpu0({ kvm, frames }: ArmVm) {
      yield* armAccess(kvm.vcpus.get(0) as ArmVcpu, gfn(0), null);
      yield* frames.frame.at(MAILBOX).content.writeOnce(1n);
    },
    *host({ mm, frames }: ArmVm) {
      const first = yield* referenced(mm, 0);
      yield* frames.frame.at(MAILBOX).content.awaitEqual(1n);
      return { first, later: yield* isYoung(mm, 0) };
    },
  },
  always: {
    'a use is seen by the look, or is there for the next': ({ results: { host } }) =>
      host.first || host.later,
  },
  sometimes: {
    'the first look sees it': ({ results: { host } }) => host.first,
    'the second does': ({ results: { host } }) => host.later,
  },
});

/** Aging is worth something only if a use through a TLB ends with it. */
export const useThroughTlb = scenario('arm64/use-through-tlb-unnoticed', {
  title: 'the host ages a page, and the guest uses it through its TLB without a trace',
  source: 'kvm_mmu_notifier_clear_flush_young',
  size: '1 vCPU that has the page in its TLB, 1 use, 1 aging, tables of 2 levels',
  defends: ['arm64.flush_aged'],
  *setup() {
    return yield* aged(false, true);
  },
  threads: {
    *vcpu0(vm: ArmVm) {
      yield* vm.frames.frame.at(MAILBOX).content.awaitEqual(1n);
      yield* instruction(vm, 0, 0, null);
      return yield* isYoung(vm.mm, 0);
    },
    *host({ mm, frames }: ArmVm) {
      const young = yield* referenced(mm, 0);
      yield* frames.frame.at(MAILBOX).content.writeOnce(1n);
      return young;
    },
  },
  always: { 'a page that was used since is young': ({ results }) => results.vcpu0 },
  sometimes: { 'it was young before': ({ results }) => results.host },
});
