import type { Mutant } from '../mutant.ts';

const KEPT = 'a frame that was given away keeps what its new owner wrote';
const WRITTEN = 'the page holds what the guest wrote';
const OUTLIVES = 'mmu/huge-leaf-outlives-its-page';
const REPLACED = 'mmu/table-replaced-under-a-vcpu';
const TOO_LATE = 'mmu/split-page-mapped-as-huge';

/** Changes to the huge pages of the TDP MMU. */
export const mmuHugeMutants: readonly Mutant[] = [
  {
    name: 'mmu/zap-leaves-that-begin-in-range',
    says: 'A zap takes the leaves that begin in its range, and leaves a huge one that begins before it.',
    variant: 'mmu-zap-leaves-that-begin-in-range',
    against: [OUTLIVES],
    expect: { covered: OUTLIVES, with: ['notifier.announce_split'], always: KEPT },
  },
  {
    name: 'mmu/huge-leaf-flushed-later',
    says: 'A notifier zaps a huge leaf and returns before TLBs are flushed.',
    off: ['notifier.flush_before_return'],
    against: [OUTLIVES],
    expect: { caught: OUTLIVES, always: KEPT },
  },
  {
    name: 'mmu/huge-leaf-zapped-without-exchange',
    says: 'A huge leaf is zapped with a plain store: the Dirty bit that the CPU sets in between is lost, for all its pages.',
    off: ['mmu.write_spte_xchg'],
    against: [OUTLIVES],
    expect: { caught: OUTLIVES, always: WRITTEN },
  },
  {
    name: 'mmu/first-frame-reported-only',
    says: 'The host is told that the first frame of a huge page was written, and drops the others as clean.',
    variant: 'mmu-first-frame-reported-only',
    against: [OUTLIVES],
    expect: { caught: OUTLIVES, always: WRITTEN },
  },
  {
    name: 'mmu/split-not-announced',
    says: 'The host splits its huge page and announces only the page that it takes away: a fault on its neighbour maps both.',
    off: ['notifier.announce_split'],
    against: [TOO_LATE],
    expect: { caught: TOO_LATE, always: KEPT },
  },
  {
    name: 'mmu/level-read-before-sequence',
    says: 'How the host maps a page is read before the sequence of invalidations, so nothing says that it was split since.',
    variant: 'mmu-level-read-before-sequence',
    against: [TOO_LATE],
    expect: { caught: TOO_LATE, always: KEPT },
  },
  {
    name: 'mmu/huge-page-mapped-during-invalidation',
    says: 'A fault does not look whether an invalidation is in progress, and maps the huge page that is being split.',
    off: ['mmu.retry_while_in_progress'],
    against: [TOO_LATE],
    expect: { caught: TOO_LATE, always: WRITTEN },
  },
  {
    name: 'mmu/huge-leaf-starts-at-the-fault',
    says: 'A huge leaf names the frame that the fault asked for, not the first of its range.',
    off: ['mmu.start_at_first_frame'],
    against: [OUTLIVES],
    expect: { caught: OUTLIVES, always: WRITTEN },
  },
  {
    name: 'mmu/replaced-table-not-flushed',
    says: 'A huge page takes the place of a table, and no vCPU is told: the hardware walks the table when it is freed.',
    off: ['mmu.flush_replaced_table'],
    against: [REPLACED],
    expect: { caught: REPLACED, always: 'no page table is walked after it was freed' },
  },
  {
    name: 'mmu/huge-page-not-reported-dirty',
    says: 'A huge page goes and the host is not told that it was written: it drops all its pages as clean.',
    off: ['mmu.report_dirty_to_host'],
    against: [REPLACED],
    expect: { caught: REPLACED, always: WRITTEN },
  },
];
