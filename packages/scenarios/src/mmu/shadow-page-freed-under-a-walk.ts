import {
  allocMmuPage,
  childOf,
  commitZapPage,
  type MmuPage,
  makeNonleaf,
  walkShadowPageLocklessBegin,
  walkShadowPageLocklessEnd,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { type EntryVm, entryVm } from '../vm/entry-vm.ts';

interface Tables extends EntryVm {
  readonly parent: MmuPage;
  readonly child: MmuPage;
}

const LEAF = 0xb07n;

/**
 * The lockless walk of shadow page tables has no RCU. It keeps interrupts off and says so by its mode; whoever unlinks a
 * table makes every vCPU whose mode is not OUTSIDE_GUEST take an interrupt before it frees the table. Each side stores and
 * then looks: the walker announces itself and reads the entry, the other clears the entry and reads the mode.
 */
export const shadowPageFreedUnderAWalk = scenario('mmu/shadow-page-freed-under-a-walk', {
  title: 'a page table is freed while a vCPU walks it with interrupts off',
  source: 'walk_shadow_page_lockless_begin, kvm_mmu_commit_zap_page',
  size: '1 vCPU, 1 walk, 1 table freed, tables of 2 levels, flush real',
  defends: [
    'mmu.irqs_off_while_walking',
    'mmu.announce_walk',
    'mmu.end_of_walk',
    'mmu.wait_for_walks',
    'mmu.interrupt_vcpus_in_guest',
    'mmu.order_request_before_mode',
  ],
  *setup(): Task<Tables> {
    const vm = yield* entryVm();
    const parent = allocMmuPage(1);
    const child = allocMmuPage(1);
    parent.spt.at(0).poke(makeNonleaf(child));
    child.spt.at(0).poke(LEAF);
    return { ...vm, parent, child };
  },
  threads: {
    *vcpu0({ vcpu, parent }: Tables) {
      yield* walkShadowPageLocklessBegin(vcpu);
      const above = yield* parent.spt.at(0).readOnce();
      const found = above === 0n ? null : yield* childOf(above).spt.at(0).readOnce();
      yield* walkShadowPageLocklessEnd(vcpu);
      return found;
    },
    *zap({ kvm, parent, child }: Tables) {
      yield* kvm.mmuLock.writeLock();
      yield* parent.spt.at(0).writeOnce(0n);
      yield* commitZapPage(kvm, child);
      yield* kvm.mmuLock.writeUnlock();
    },
  },
  always: {
    'no page table is walked after it was freed': never('use after free'),
  },
  sometimes: {
    'the walk comes first': ({ results }) => results.vcpu0 === LEAF,
    'the table is gone': ({ results }) => results.vcpu0 === null,
  },
});
