import { caughtIn, type Mutant } from '../mutant.ts';

const HARVESTED = 'a page that differs from its copy is in the next harvest';
const NAMED = 'a write that ended before the harvest began is in it';
const KNOWN = 'the host can still tell that the page was written';

/** A mutant that the `always` of one scenario catches. */
const caught = caughtIn('dirty');

/** Changes to dirty logging: harvest, clearing, the hardware's log, and logging turned on and off. */
export const dirtyMutants: readonly Mutant[] = [
  caught(
    'bits-taken-after-protection',
    'Pages are protected first: the fast path makes one writable in between, and its bit is taken with the others.',
    'dirty/write-after-copy',
    HARVESTED,
    { variant: 'dirty-bits-taken-after-protection' },
  ),
  caught(
    'bit-read-then-written',
    'A vCPU reads a word of the bitmap and then writes it with its own bit: the bit that another one sets in between is lost.',
    'dirty/neighbour-bit-lost',
    'a page that was written is in the next harvest',
    { off: ['dirty.set_dirty_bit'] },
  ),
  caught(
    'bits-read-then-zeroed',
    'A word of the bitmap is read and then zeroed: a bit that a vCPU sets in between is lost.',
    'dirty/write-after-copy',
    HARVESTED,
    { off: ['dirty.take_bits_xchg'] },
  ),
  caught(
    'fast-path-does-not-log',
    'The fast path makes a page writable and sets no bit.',
    'dirty/write-after-copy',
    NAMED,
    { off: ['mmu.mark_dirty_after_cmpxchg'] },
  ),
  caught(
    'second-writer-not-flushed',
    'With two vCPUs: the harvest returns before their TLBs are flushed.',
    'dirty/second-writer-after-copy',
    HARVESTED,
    { off: ['dirty.flush_before_user_space'] },
  ),
  caught(
    'cleared-after-arming',
    'KVM_CLEAR_DIRTY_LOG arms the pages first: a write in between sets its bit, which is cleared.',
    'dirty/written-while-cleared',
    HARVESTED,
    { variant: 'dirty-cleared-after-arming' },
  ),
  caught(
    'cleared-without-atomic',
    'KVM_CLEAR_DIRTY_LOG reads a word and stores it back: a bit that a vCPU sets in between is lost.',
    'dirty/written-while-cleared',
    HARVESTED,
    { off: ['dirty.clear_bits_andnot'] },
  ),
  caught(
    'cleared-not-armed',
    'KVM_CLEAR_DIRTY_LOG clears the bits and leaves the pages writable.',
    'dirty/written-while-cleared',
    HARVESTED,
    { off: ['dirty.rearm_cleared_pages'] },
  ),
  caught(
    'cleared-not-flushed',
    'KVM_CLEAR_DIRTY_LOG returns before TLBs are flushed.',
    'dirty/written-while-cleared',
    HARVESTED,
    { off: ['dirty.flush_after_clear'] },
  ),
  caught(
    'hardware-log-cleared-not-armed',
    'KVM_CLEAR_DIRTY_LOG clears the bits and leaves the Dirty bits set: the hardware notes nothing.',
    'dirty/written-while-cleared-by-hardware-log',
    HARVESTED,
    { off: ['dirty.rearm_cleared_pages'] },
  ),
  {
    name: 'dirty/arms-what-was-asked',
    says: 'KVM_CLEAR_DIRTY_LOG protects every page that user space names, not only those whose bit it cleared.',
    variant: 'dirty-arms-what-was-asked',
    against: ['dirty/written-while-cleared', 'dirty/initially-set-page-lost'],
    expect: {
      equivalent: 'a page that was clean is protected once more, which costs a fault and loses nothing',
    },
  },
  {
    name: 'dirty/arms-what-was-asked-by-hardware-log',
    says: 'The same by Dirty bits: the mask of user space is not cut down to the pages that are really dirty.',
    variant: 'dirty-arms-what-was-asked',
    against: ['dirty/written-while-cleared-by-hardware-log'],
    expect: { equivalent: 'the Dirty bit of a clean page is cleared already, or about to be noted' },
  },
  caught(
    'look-clears-bits',
    'Under manual protection a harvest takes the bits that only KVM_CLEAR_DIRTY_LOG may take.',
    'dirty/bits-gone-before-cleared',
    'a page stays in the log until it is cleared',
    { variant: 'dirty-look-clears-bits' },
  ),
  caught(
    'first-write-not-logged',
    'The fault that maps a page sets no bit, and a harvest that only looks does not find it.',
    'dirty/bits-gone-before-cleared',
    NAMED,
    { off: ['mmu.log_before_install'] },
  ),
  ...hardwareLog(),
  ...startAndStop(),
  ...tracking(),
];

function hardwareLog(): Mutant[] {
  const scenario = 'dirty/hardware-log-missed';
  return [
    caught(
      'hardware-log-not-synced',
      'A harvest does not make vCPUs hand over what their hardware has noted.',
      scenario,
      'a write that ended before the harvest began has been copied',
      { off: ['dirty.sync_hardware_log'] },
    ),
    caught(
      'dirty-bit-cleared-without-atomic',
      'The Dirty bit is cleared by a read and a store: the one that the hardware sets in between is lost.',
      scenario,
      KNOWN,
      { off: ['dirty.clear_dirty_andnot'] },
    ),
    caught(
      'cleared-dirty-bit-not-reported',
      'The Dirty bit is cleared and the host is not told that the page was written.',
      scenario,
      KNOWN,
      { off: ['dirty.report_cleared_dirty'] },
    ),
    caught(
      'no-flush-after-dirty-bit',
      'The Dirty bit is cleared and no TLB flushed: a translation that is dirty lets writes through unnoted.',
      scenario,
      HARVESTED,
      { off: ['dirty.flush_before_user_space'] },
    ),
  ];
}

function startAndStop(): Mutant[] {
  const start = 'dirty/write-missed-when-logging-starts';
  return [
    caught(
      'start-without-protection',
      'Logging is turned on and what is mapped writable stays so.',
      start,
      HARVESTED,
      { off: ['dirty.protect_when_logging_starts'] },
    ),
    caught(
      'start-without-flush',
      'Logging is turned on and TLBs keep writable translations.',
      start,
      HARVESTED,
      {
        off: ['dirty.flush_when_logging_starts'],
      },
    ),
    caught(
      'start-flushes-what-it-protected',
      'Turning logging on flushes only if it took W itself: aging took it before, and the TLB still has it.',
      'dirty/aged-page-missed-when-logging-starts',
      HARVESTED,
      { variant: 'dirty-start-flushes-what-it-protected' },
    ),
    caught(
      'not-set-initially',
      'Initially-set starts from an empty bitmap: pages that nobody writes are never copied.',
      'dirty/initially-set-page-lost',
      'the first harvest names every page',
      { variant: 'dirty-not-set-initially' },
    ),
    caught(
      'initially-set-not-armed',
      'Initially-set protects nothing at the start, and clearing does not either.',
      'dirty/initially-set-page-lost',
      HARVESTED,
      { off: ['dirty.rearm_cleared_pages'] },
    ),
    caught(
      'bitmap-freed-early',
      'Turning logging off frees the bitmap before faults that may set a bit in it are over.',
      'dirty/logging-stops-under-a-writer',
      'no bit is set in a freed bitmap',
      { variant: 'memslots-bitmap-freed-early' },
    ),
  ];
}

function tracking(): Mutant[] {
  const scenario = 'dirty/tracked-page-written';
  const always = 'nobody writes the page once it is protected';
  return [
    caught(
      'tracking-flush-judged-by-w',
      'Whether to flush is decided by W before the entry is exchanged: the fast path sets it in between.',
      scenario,
      always,
      { variant: 'dirty-tracking-flush-judged-by-w' },
    ),
    caught(
      'tracking-leaves-mmu-writable',
      'The page stays MMU-writable, and the fast path makes it writable again.',
      scenario,
      always,
      { variant: 'dirty-tracking-leaves-mmu-writable' },
    ),
    caught(
      'tracking-skips-read-only',
      'An entry that logging has protected is skipped: it stays MMU-writable.',
      scenario,
      always,
      { variant: 'dirty-tracking-skips-read-only' },
    ),
    caught('tracking-without-flush', 'The entry is protected and no TLB flushed.', scenario, always, {
      off: ['dirty.flush_tracked_page'],
    }),
  ];
}
