import { setUserMemoryRegion } from '@faultline/kvm';
import { guestWrite, swapOut } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { giveAway, kept } from '../vm/frames.ts';
import { GPA0, HVA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { deletion } from '../vm/small-vm.ts';
import { storeOnce, zapEverything } from '../vm/tables-vm.ts';

/**
 * Invalid roots have to be zapped before the deletion of the slot returns. No vCPU uses them any more, but their entries
 * still name frames; zapped later, they report Accessed and Dirty to frames that have a new owner by then.
 */
export const freedFrameMarked = scenario('mmu/freed-frame-marked', {
  title: 'an entry that was left in an invalid root marks a frame that has a new owner',
  source: 'kvm_mmu_zap_all_fast, kvm_tdp_mmu_zap_invalidated_roots',
  deep: true,
  size: '1 vCPU, 1 store instruction, 1 slot deleted, its page swapped out, everything zapped, tables of 1 level',
  defends: ['mmu.zap_invalidated_roots'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 2 });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    return vm;
  },
  threads: {
    *vcpu0(vm: MmuVm) {
      return yield* storeOnce(vm, 7n);
    },
    *user({ kvm, mm }: MmuVm) {
      yield* setUserMemoryRegion(kvm, deletion());
      const freed = yield* swapOut(kvm, HVA0);
      const taken = freed === null ? -1 : yield* giveAway(mm);
      yield* zapEverything(kvm);
      return taken;
    },
  },
  always: {
    'a frame that was given away is not marked for what the guest did': ({ results: { user } }, { mm }) =>
      user < 0 || mm.page.at(user).flags.peek() === 0,
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) => kept(results.user, vm),
  },
  sometimes: {
    'the guest writes before the slot goes': ({ results }) => results.vcpu0,
    'the guest comes too late': ({ results }) => !results.vcpu0,
  },
});
