import { FROZEN_SPTE, gfn } from '@faultline/kvm';
import { guestWrite, lastSpte, swapOut, zapCollapsibleSptes } from '@faultline/kvm/seams';
import { type Cell, scenario } from '@faultline/machine';
import { contentOfPage0 } from '../vm/frames.ts';
import { GPA0, HVA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { faultOnce, storeOnce } from '../vm/tables-vm.ts';

interface FrozenLeaf extends MmuVm {
  readonly sptep: Cell<bigint>;
}

/**
 * Somebody has frozen the leaf, and will release it. Meanwhile its whole table is removed, and each entry is frozen for
 * good. The one that is frozen already is not: once released, a fault that shares mmu_lock may fill it. The hardware may
 * still walk from that table, which it remembers until it is flushed, and what it writes there nobody ever reports.
 */
export const frozenEntryOverwritten = scenario('mmu/frozen-entry-overwritten', {
  title: 'a removed table gets a live entry, where somebody else had frozen one',
  source: 'handle_removed_pt',
  size: '1 vCPU, 1 fault, 1 store instruction, 1 leaf being released, its table removed, the page swapped out, tables of 2 levels',
  defends: ['mmu.wait_for_owner'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 2, levels: 2, structureCache: true });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    vm.mm.swap.at(0).poke(1n);
    const found = yield* lastSpte(vm.vcpu, gfn(0));
    if (found === null) throw new Error('guest frame 0 is not mapped');
    // As zapSpteAtomic() leaves it before its last store: frozen and flushed.
    found.sptep.poke(FROZEN_SPTE);
    vm.vcpu.tlb.entries.set(0, 0n);
    return { ...vm, sptep: found.sptep };
  },
  threads: {
    *vcpu0(vm: FrozenLeaf) {
      yield* faultOnce(vm);
      return yield* storeOnce(vm, 7n);
    },
    *owner({ kvm, sptep }: FrozenLeaf) {
      yield* sptep.writeOnce(0n);
      yield* kvm.frozenReleased.fetchAdd(1);
    },
    *user({ kvm }: FrozenLeaf) {
      yield* zapCollapsibleSptes(kvm, 0, gfn(0), gfn(2));
      yield* swapOut(kvm, HVA0);
    },
  },
  always: {
    'the page holds what the guest wrote': ({ results }, vm) =>
      contentOfPage0(vm) === (results.vcpu0 ? 7n : 1n),
  },
  sometimes: {
    'the page is swapped out after the write': (_, { mm }) => mm.swap.at(0).peek() === 7n,
    'the page is swapped out before': (_, { mm }) => mm.swap.at(0).peek() === 1n,
  },
});
