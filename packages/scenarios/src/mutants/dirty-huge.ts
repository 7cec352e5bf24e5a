import { caughtIn, type Mutant } from '../mutant.ts';

const HARVESTED = 'a page that differs from its copy is in the next harvest';
const WRITTEN = 'the page holds what the guest wrote';
const AT_START = 'dirty/huge-page-missed-when-logging-starts';
const SPLIT_AT_START = 'dirty/split-page-missed-when-logging-starts';
const NEIGHBOUR = 'dirty/neighbour-in-huge-page-not-logged';
const FORGOTTEN = 'dirty/page-of-split-page-forgotten';
const SECOND = 'dirty/second-huge-page-written';
const SECOND_SPLIT = 'dirty/second-huge-page-split-and-written';
const STAY = 'dirty/small-pages-stay-when-logging-stops';
const LOST = 'dirty/write-lost-when-logging-stops';

/** A mutant that the `always` of one scenario catches. */
const caught = caughtIn('dirty');

/** Changes to dirty logging where it meets huge pages: splitting, protecting, and bringing them back. */
export const dirtyHugeMutants: readonly Mutant[] = [
  ...starting(),
  ...splitting(),
  ...clearing(),
  ...stopping(),
];

function starting(): Mutant[] {
  return [
    caught(
      'dirty/huge-page-not-protected-at-start',
      'Logging is turned on and a huge page stays writable.',
      AT_START,
      HARVESTED,
      { off: ['dirty.protect_when_logging_starts'] },
    ),
    caught(
      'dirty/huge-page-not-flushed-at-start',
      'Logging is turned on and TLBs keep a writable part of a huge page.',
      AT_START,
      HARVESTED,
      { off: ['dirty.flush_when_logging_starts'] },
    ),
    caught(
      'dirty/split-page-not-protected-at-start',
      'Logging is turned on, huge pages are split, and the small pages stay writable.',
      SPLIT_AT_START,
      HARVESTED,
      { off: ['dirty.protect_when_logging_starts'] },
    ),
    caught(
      'dirty/no-split-at-start',
      'Huge pages are to be split when logging starts, and are not: vCPUs split them when they write.',
      SPLIT_AT_START,
      'no huge page is left',
      { off: ['dirty.split_when_logging_starts'] },
    ),
    caught(
      'mmu/fast-path-on-huge-pages',
      'The fast path makes a huge page writable whose slot is logged: only one of its pages is.',
      NEIGHBOUR,
      HARVESTED,
      { off: ['mmu.refuse_huge_while_logging'] },
    ),
    caught(
      'dirty/fast-path-fixes-for-both-vcpus',
      'With two vCPUs: the fast path of one makes the huge page writable, and the other writes its page unlogged.',
      'dirty/one-of-two-that-split-not-logged',
      HARVESTED,
      { off: ['mmu.refuse_huge_while_logging'] },
    ),
    caught(
      'mmu/huge-page-mapped-while-logging',
      'A write fault maps a huge page whose slot is logged: only one of its pages is.',
      NEIGHBOUR,
      HARVESTED,
      { off: ['mmu.small_pages_while_logging'] },
    ),
    caught(
      'dirty/huge-page-logged-by-dirty-bit',
      'With a log of the hardware huge pages stay writable: it notes the page that set Dirty, and none of its neighbours.',
      'dirty/neighbour-missed-by-hardware-log',
      HARVESTED,
      { variant: 'dirty-huge-page-by-dirty-bit' },
    ),
  ];
}

function splitting(): Mutant[] {
  return [
    caught(
      'dirty/split-drops-dirty-bit',
      'The children of a huge page that is split start clean, although it was dirty.',
      FORGOTTEN,
      WRITTEN,
      { variant: 'dirty-split-drops-dirty-bit' },
    ),
    caught(
      'dirty/split-stores-over-dirty-bit',
      'The table takes the place of the huge page with a plain store: the Dirty bit that the CPU sets in between is lost.',
      FORGOTTEN,
      WRITTEN,
      { off: ['mmu.set_spte_cmpxchg'] },
    ),
    caught(
      'dirty/split-brings-write-back',
      'The small pages of a protected huge page start writable: only the one that was written is logged.',
      NEIGHBOUR,
      HARVESTED,
      { variant: 'dirty-split-brings-write-back' },
    ),
  ];
}

function clearing(): Mutant[] {
  return [
    caught(
      'dirty/huge-pages-not-armed',
      'Initially-set: clearing a page protects small pages only, and its huge page stays writable.',
      SECOND,
      HARVESTED,
      { off: ['dirty.protect_huge_pages'] },
    ),
    caught(
      'dirty/second-huge-page-skipped',
      'A word of the bitmap spans two huge pages, and only the first is protected.',
      SECOND,
      HARVESTED,
      { variant: 'dirty-second-huge-page-skipped' },
    ),
    caught(
      'dirty/huge-pages-told-apart-by-rounding-up',
      'Two pages that round up to the same boundary count as pages of one huge page: the second huge page is skipped.',
      SECOND,
      HARVESTED,
      { variant: 'dirty-huge-pages-told-apart-by-rounding-up' },
    ),
    caught(
      'dirty/armed-huge-page-not-flushed',
      'KVM_CLEAR_DIRTY_LOG protects a huge page and returns before TLBs are flushed.',
      SECOND,
      HARVESTED,
      { off: ['dirty.flush_after_clear'] },
    ),
    {
      name: 'dirty/armed-huge-page-stays-mmu-writable',
      says: 'A huge page that is armed stays MMU-writable, as if for the log only.',
      variant: 'dirty-tracking-leaves-mmu-writable',
      against: [SECOND],
      expect: { covered: SECOND, with: ['mmu.refuse_huge_while_logging'], always: HARVESTED },
    },
    caught(
      'dirty/split-when-cleared-not-armed',
      'KVM_CLEAR_DIRTY_LOG splits a huge page and leaves its small pages writable.',
      SECOND_SPLIT,
      HARVESTED,
      { off: ['dirty.rearm_cleared_pages'] },
    ),
  ];
}

function stopping(): Mutant[] {
  return [
    caught(
      'dirty/huge-pages-not-recovered',
      'Logging is turned off and the tables of small pages stay.',
      STAY,
      'the huge page is back at the next fault',
      { off: ['dirty.recover_huge_pages'] },
    ),
    caught(
      'dirty/recovered-page-starts-at-the-fault',
      'The huge page that comes back names the frame that the fault asked for, not the first of its range.',
      STAY,
      'the guest reads what it wrote',
      { off: ['mmu.start_at_first_frame'] },
    ),
    caught(
      'dirty/recovery-does-not-flush',
      'A table goes because logging was turned off, and its entry is released without a flush.',
      LOST,
      WRITTEN,
      { off: ['mmu.flush_before_release'] },
    ),
    caught(
      'dirty/recovery-without-exchange',
      'An entry of a table that goes because logging was turned off is read and then stored: a Dirty bit is lost.',
      LOST,
      WRITTEN,
      { off: ['mmu.freeze_child_xchg'] },
    ),
  ];
}
