import { setUserMemoryRegion } from '@faultline/kvm';
import { guestWrite, swapOut } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { giveAway, kept } from '../vm/frames.ts';
import { GPA0, HVA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { deletion } from '../vm/small-vm.ts';

/**
 * Deleting a slot throws all translations away at once: the roots are declared invalid, vCPUs are told to load others,
 * and the old ones are zapped while new ones fill. When the ioctl returns, user space frees the memory; the notifier that
 * announces it finds no slot any more, so nobody would come back for a translation that was left behind.
 */
export const rootSurvivesItsSlot = scenario('mmu/root-survives-its-slot', {
  title: 'a vCPU goes on with a root, or a translation, of before the deletion of a slot',
  source: 'kvm_mmu_zap_all_fast, is_page_fault_stale',
  deep: true,
  size: '1 vCPU, 1 write, 1 slot deleted and its page swapped out, 2 frames, tables of 1 level',
  defends: [
    'mmu.invalidate_all_roots',
    'mmu.request_free_obsolete_roots',
    'mmu.never_reuse_invalid_root',
    'mmu.flush_new_root',
    'mmu.zap_invalidated_roots',
  ],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 2 });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      return (yield* guestWrite(vcpu, GPA0, 7n)).via;
    },
    *user({ kvm, mm }: MmuVm) {
      yield* setUserMemoryRegion(kvm, deletion());
      const freed = yield* swapOut(kvm, HVA0);
      return freed === null ? -1 : yield* giveAway(mm);
    },
  },
  always: {
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) => kept(results.user, vm),
    'nothing that the guest wrote is lost': ({ results }, { mm }) =>
      mm.swap.at(0).peek() === (results.vcpu0 === 'RAM' ? 7n : 1n),
  },
  sometimes: {
    'the guest writes before the slot goes': ({ results }) => results.vcpu0 === 'RAM',
    'the guest writes when the slot is gone': ({ results }) => results.vcpu0 === 'MMIO',
  },
});
