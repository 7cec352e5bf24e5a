import type { Mutant } from '../mutant.ts';

const KEPT = 'a frame that was given away keeps what its new owner wrote';
const OWN = 'a write to one page changes that page and no other';

/** Changes to what happens when the host merges, copies, moves and unmaps pages, and when invalidations overlap. */
export const hostMutants: readonly Mutant[] = [
  {
    name: 'notifier/frozen-frame-is-free',
    says: 'The old frame is free before its content is copied: its next owner writes it first.',
    variant: 'notifier-frozen-frame-is-free',
    against: ['notifier/frame-reused-while-it-is-copied'],
    expect: {
      caught: 'notifier/frame-reused-while-it-is-copied',
      always: 'the page holds what the guest wrote',
    },
  },
  {
    name: 'notifier/swapped-in-without-page-lock',
    says: 'Two bring a page in from swap at once: the slower puts back what it was before the last write.',
    off: ['notifier.lock_page_to_swap_in'],
    against: ['notifier/swapped-in-twice'],
    expect: { caught: 'notifier/swapped-in-twice', always: 'the page holds what the guest wrote' },
  },
  {
    name: 'mmu/sequence-read-after-the-host-was-asked',
    says: 'A fault asks the host first and reads the sequence then: a whole invalidation in between goes unnoticed.',
    variant: 'mmu-sequence-read-after-gup',
    against: ['notifier/freed-frame-mapped'],
    expect: { caught: 'notifier/freed-frame-mapped', always: KEPT },
  },
  {
    name: 'mmu/stale-checked-before-the-lock',
    says: 'A fault looks for invalidations, lets go of mmu_lock, and takes it again to install the frame.',
    variant: 'mmu-stale-checked-before-lock',
    against: ['notifier/freed-frame-mapped'],
    expect: { caught: 'notifier/freed-frame-mapped', always: KEPT },
  },
  {
    name: 'notifier/sequence-bumped-at-the-start',
    says: 'The sequence rises when an invalidation begins, not when it ends: a fault that began in between maps what is gone.',
    variant: 'notifier-sequence-bumped-at-start',
    against: ['notifier/freed-frame-mapped'],
    expect: { caught: 'notifier/freed-frame-mapped', always: KEPT },
  },
  {
    name: 'notifier/range-in-frame-numbers',
    says: 'The range in progress is kept in frame numbers and compared with host addresses: it covers nothing.',
    variant: 'notifier-range-in-frames',
    against: ['notifier/second-invalidation-hides-the-first'],
    expect: { caught: 'notifier/second-invalidation-hides-the-first', always: KEPT },
  },
  {
    name: 'notifier/range-replaced',
    says: 'A second invalidation replaces the range of the first instead of widening it.',
    variant: 'notifier-range-replaced',
    against: ['notifier/second-invalidation-hides-the-first'],
    expect: { caught: 'notifier/second-invalidation-hides-the-first', always: KEPT },
  },
  {
    name: 'notifier/flush-after-unlock',
    says: 'An invalidation flushes after it let go of mmu_lock: another one finds nothing mapped and returns at once.',
    variant: 'notifier-flush-after-unlock',
    against: ['notifier/flush-left-to-another'],
    expect: { caught: 'notifier/flush-left-to-another', always: KEPT },
  },
  {
    name: 'notifier/unmap-not-noticed',
    says: 'A fault does not look whether an unmapping is under way.',
    off: ['mmu.retry_while_in_progress'],
    against: ['notifier/unmapped-page-reached'],
    expect: { caught: 'notifier/unmapped-page-reached', always: KEPT },
  },
  {
    name: 'notifier/moving-page-taken-for-swapped',
    says: 'A fault does not wait for a page that is on its way to another frame, and reads it from swap.',
    off: ['notifier.migration_entry_wait'],
    against: ['notifier/page-written-while-it-moves'],
    expect: {
      caught: 'notifier/page-written-while-it-moves',
      always: 'the page holds what the guest wrote',
    },
  },
  {
    name: 'notifier/moved-page-not-flushed',
    says: 'The old frame of a page that moves is still in a TLB.',
    off: ['notifier.flush_before_return'],
    against: ['notifier/page-written-while-it-moves'],
    expect: { caught: 'notifier/page-written-while-it-moves', always: KEPT },
  },
  {
    name: 'notifier/merged-page-not-flushed',
    says: 'The frame that two pages share is still writable in a TLB.',
    off: ['notifier.flush_before_return'],
    against: ['notifier/shared-frame-written'],
    expect: { caught: 'notifier/shared-frame-written', always: OWN },
  },
  {
    name: 'notifier/shared-frame-stays-mmu-writable',
    says: 'change_pte clears W and host-writable and leaves MMU-writable, which is all that the fast path looks at.',
    variant: 'notifier-shared-frame-stays-mmu-writable',
    against: ['notifier/shared-frame-made-writable'],
    expect: { caught: 'notifier/shared-frame-made-writable', always: OWN },
  },
  {
    name: 'notifier/frame-changed-in-place',
    says: 'change_pte puts the new frame where the old one stood, without a zap and without a flush.',
    variant: 'notifier-frame-changed-in-place',
    against: ['notifier/shared-frame-made-writable'],
    expect: { caught: 'notifier/shared-frame-made-writable', always: OWN },
  },
  {
    name: 'notifier/changed-pte-not-flushed',
    says: 'change_pte returns before TLBs are flushed.',
    off: ['notifier.flush_changed_pte'],
    against: ['notifier/shared-frame-made-writable'],
    expect: { caught: 'notifier/shared-frame-made-writable', always: OWN },
  },
  {
    name: 'notifier/change-does-not-bump-sequence',
    says: 'change_pte alone does not raise the sequence: a fault that asked before maps the page writable.',
    off: ['notifier.bump_seq_with_change'],
    against: ['notifier/merged-frame-mapped'],
    expect: { caught: 'notifier/merged-frame-mapped', always: OWN },
  },
  {
    name: 'notifier/change-in-invalid-slot',
    says: 'change_pte also looks at slots that are being deleted.',
    off: ['notifier.skip_invalid_slot'],
    against: ['notifier/shared-frame-written', 'notifier/shared-frame-made-writable'],
    expect: {
      equivalent:
        'it changes only what is mapped, the start of the invalidation around it has unmapped that, and nothing is mapped from an invalid slot',
    },
  },
];
