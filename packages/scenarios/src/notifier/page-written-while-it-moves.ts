import { type Pfn, pfn } from '@faultline/kvm';
import { allocFrame, guestWrite, migratePage } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { contentOfPage, giveAway, kept } from '../vm/frames.ts';
import { GPA0, HVA0, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

/**
 * Migration announces only that the old frame goes away; the copy comes after. Until the new frame is in place nobody may
 * get at the page: a fault that asks for it waits for the migration entry.
 */
export const pageWrittenWhileItMoves = scenario('notifier/page-written-while-it-moves', {
  title: 'a write is lost in a page that is being moved to another frame',
  source: 'migrate_pages, migration_entry_wait',
  size: '1 vCPU, 1 write, 1 migration, 3 frames, tables of 1 level, A/D bits',
  defends: ['notifier.migration_entry_wait', 'notifier.flush_before_return'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 3 });
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
    },
    *host({ kvm, mm }: MmuVm) {
      const left = yield* migratePage(kvm, HVA0, pfn(2));
      return left === null ? -1 : yield* giveAway(mm);
    },
  },
  always: {
    'the page holds what the guest wrote': (_, vm) => contentOfPage(vm, 0) === 7n,
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) => kept(results.host, vm),
  },
  sometimes: {
    'the page moves': ({ results }) => results.host >= 0,
    'a reference keeps it where it is': ({ results }) => results.host < 0,
  },
});

interface MovingVm extends MmuVm {
  readonly to: Pfn;
}

/** The old frame is frozen before its content is copied: without a reference, but not free. */
export const frameReusedWhileCopied = scenario('notifier/frame-reused-while-it-is-copied', {
  title: 'a page that moves takes on what the next owner of its old frame writes',
  source: 'migrate_pages, folio_ref_freeze',
  size: '1 migration, 1 other user of memory, 2 frames',
  defends: [],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 2 });
    yield* guestWrite(vm.vcpu, GPA0, 7n);
    return { ...vm, to: (yield* allocFrame(vm.mm)) as Pfn };
  },
  threads: {
    *host({ kvm, to }: MovingVm) {
      return (yield* migratePage(kvm, HVA0, to)) !== null;
    },
    *other({ mm }: MovingVm) {
      return yield* giveAway(mm);
    },
  },
  always: {
    'the page holds what the guest wrote': (_, vm) => contentOfPage(vm, 0) === 7n,
  },
  sometimes: {
    'the old frame gets its next owner': ({ results }) => results.other === 0,
    'there is no free frame': ({ results }) => results.other < 0,
  },
});
