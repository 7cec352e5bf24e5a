import { hva, PAGE_SIZE } from '@faultline/kvm';
import { guestWrite, invalidateRangeEnd, invalidateRangeStart, mergePages } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { contentOfPage } from '../vm/frames.ts';
import { GPA0, GPA1, HVA0, HVA1, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

const OWN = 'a write to one page changes that page and no other';

/** Both pages hold 5. The second is read-only in the host already, as if it had been merged with others before. */
const threads = {
  *vcpu0({ vcpu }: MmuVm) {
    yield* guestWrite(vcpu, GPA0, 7n);
  },
  *host({ kvm }: MmuVm) {
    return yield* mergePages(kvm, HVA1, HVA0);
  },
};

const always = {
  [OWN]: (_: unknown, vm: MmuVm) => contentOfPage(vm, 0) === 7n && contentOfPage(vm, 1) === 5n,
};

/**
 * KSM lets two pages share a frame, and the guest writes to one of them. Today the host announces the change as an
 * invalidation: what the guest had mapped is gone before the frame is shared, and its next write gives it a frame of its
 * own.
 */
export const sharedFrameWritten = scenario('notifier/shared-frame-written', {
  title: 'the guest writes to a frame that two of its pages share',
  source: 'try_to_merge_two_pages, kvm_mmu_notifier_invalidate_range_start',
  deep: true,
  size: '1 vCPU, 1 write, 1 merge of 2 pages, 3 frames, tables of 1 level, A/D bits',
  claims: [
    {
      seed: '000.30',
      says: 'merging takes W and host-writable from every entry first, and flushes',
      verdict: 'holds',
    },
    {
      seed: '003.11',
      says: 'merging takes W and host-writable from every entry first, and flushes',
      verdict: 'holds',
    },
    {
      seed: '000.21',
      says: 'Host-writable says that the host lets the page be written: a shared page is not',
      verdict: 'holds',
    },
  ],
  defends: ['notifier.flush_before_return', 'notifier.bump_invalidate_seq'],
  *setup() {
    const vm = yield* mmuVm({ pages: 2, frames: 3 }, 2);
    yield* writeBoth(vm);
    return vm;
  },
  threads,
  always,
  sometimes: {
    'the pages are merged before the write': ({ results }) => results.host,
    'the write comes first, and they differ': ({ results }) => !results.host,
  },
});

/**
 * Before 3.7 the host said change_pte and nothing else: KVM put the shared frame behind the page by itself, read-only for
 * the host and, what the fast path asks about, read-only for the MMU.
 */
export const sharedFrameMadeWritable = scenario('notifier/shared-frame-made-writable', {
  title: 'the fast path makes a frame writable that two pages share',
  source: 'f082d86ea685, kvm_set_spte_gfn',
  size: '1 vCPU, 1 write, 1 merge of 2 pages by change_pte alone, 3 frames, tables of 1 level, A/D bits',
  defends: ['notifier.flush_changed_pte'],
  *setup() {
    const vm = yield* mmuVm({ pages: 2, frames: 3, changePteAlone: true }, 2);
    yield* writeBoth(vm);
    return vm;
  },
  threads,
  always,
  sometimes: {
    'the pages are merged before the write': ({ results }) => results.host,
    'the write comes first, and they differ': ({ results }) => !results.host,
  },
});

/** The same while the page is not mapped: a fault has asked for its frame, and change_pte finds no entry to change. */
export const mergedFrameMapped = scenario('notifier/merged-frame-mapped', {
  title: 'a fault maps the frame that a page had before it was merged',
  source: 'kvm_mmu_notifier_change_pte',
  deep: true,
  size: '1 vCPU, 1 write, 1 merge of 2 pages by change_pte alone, 3 frames, tables of 1 level, A/D bits',
  defends: ['notifier.bump_seq_with_change', 'mmu.retry_after_invalidation'],
  *setup() {
    const vm = yield* mmuVm({ pages: 2, frames: 3, changePteAlone: true }, 2);
    yield* writeBoth(vm);
    yield* invalidateRangeStart(vm.kvm, HVA0, HVA1);
    yield* invalidateRangeEnd(vm.kvm, HVA0, HVA1);
    return vm;
  },
  threads,
  always,
  sometimes: {
    'the pages are merged before the write': ({ results }) => results.host,
    'the write comes first, and they differ': ({ results }) => !results.host,
  },
});

/** Leaves page 0 mapped and in the TLB, and page 1 as the notifier left it when the host made it read-only. */
function* writeBoth({ kvm, vcpu, mm }: MmuVm): Task {
  yield* guestWrite(vcpu, GPA0, 5n);
  yield* guestWrite(vcpu, GPA1, 5n);
  yield* invalidateRangeStart(kvm, HVA1, hva(HVA1 + PAGE_SIZE));
  const ptep = mm.ptes.at(1);
  ptep.poke((ptep.peek() & ~(1n << 1n)) | (1n << 10n));
  yield* invalidateRangeEnd(kvm, HVA1, hva(HVA1 + PAGE_SIZE));
}
