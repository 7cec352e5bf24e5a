import type { Mutant } from '../mutant.ts';

const KEPT = 'a frame that was given away keeps what its new owner wrote';
const READS_BACK = 'the guest reads what it wrote';
const HARVESTED = 'a page that differs from its copy is in the next harvest';

/** Changes to the TDP MMU, the fast page fault and the harvest of the dirty log. */
export const mmuMutants: readonly Mutant[] = [
  {
    name: 'mmu/zap-without-exchange',
    says: 'A zap reads a volatile SPTE and then stores: the Dirty bit that the CPU sets in between is lost.',
    off: ['mmu.write_spte_xchg'],
    against: ['mmu/dirty-bit-lost'],
    expect: { caught: 'mmu/dirty-bit-lost', always: READS_BACK },
  },
  {
    name: 'mmu/read-only-is-not-volatile',
    says: 'An entry without W counts as stable although the fast path may set W: it is cleared with a plain store.',
    variant: 'mmu-read-only-is-not-volatile',
    against: ['mmu/dirty-bit-lost'],
    expect: { caught: 'mmu/dirty-bit-lost', always: READS_BACK },
  },
  {
    name: 'mmu/dirty-judged-by-old-value',
    says: 'What to tell the host is decided by the value that was read, not by the one that the exchange returned.',
    variant: 'mmu-dirty-judged-by-old-value',
    against: ['mmu/dirty-bit-lost'],
    expect: { caught: 'mmu/dirty-bit-lost', always: READS_BACK },
  },
  {
    name: 'mmu/fast-path-stores',
    says: 'The fast path stores instead of comparing: it brings a translation back that a notifier has just taken away.',
    off: ['mmu.fast_page_fault_cmpxchg'],
    against: ['mmu/dirty-bit-lost'],
    expect: { caught: 'mmu/dirty-bit-lost', always: KEPT },
  },
  {
    name: 'mmu/fast-path-does-not-log',
    says: 'The fast path makes a page writable and does not log it.',
    off: ['mmu.mark_dirty_after_cmpxchg'],
    against: ['mmu/write-not-logged'],
    expect: { caught: 'mmu/write-not-logged', always: HARVESTED },
  },
  {
    name: 'mmu/no-fast-path',
    says: 'There is no fast path: a write to a protected page waits for mmu_lock.',
    variant: 'mmu-no-fast-path',
    against: ['mmu/fault-fixed-outside-the-lock'],
    expect: {
      caught: 'mmu/fault-fixed-outside-the-lock',
      always: 'the write does not wait for whoever holds mmu_lock',
    },
  },
  {
    name: 'mmu/frame-comes-back-unlogged',
    says: 'The fast path fixes an entry that was away meanwhile, and does not log it.',
    off: ['mmu.mark_dirty_after_cmpxchg'],
    against: ['mmu/frame-comes-back'],
    expect: { caught: 'mmu/frame-comes-back', always: 'a page that is writable is in the next harvest' },
  },
  {
    name: 'mmu/logged-before-cmpxchg',
    says: 'The fast path logs before it makes the page writable: a harvest in between takes the bit and changes nothing.',
    variant: 'mmu-logged-before-cmpxchg',
    against: ['mmu/write-not-logged'],
    expect: { caught: 'mmu/write-not-logged', always: HARVESTED },
  },
  {
    name: 'dirty/no-flush-before-return',
    says: 'The harvest returns before TLBs are flushed: a vCPU writes on through its TLB, unlogged.',
    off: ['dirty.flush_before_user_space'],
    against: ['mmu/write-not-logged'],
    expect: { caught: 'mmu/write-not-logged', always: HARVESTED },
  },
  {
    name: 'dirty/pages-not-protected',
    says: 'The harvest takes the bits and leaves the pages writable.',
    off: ['dirty.protect_logged_pages'],
    against: ['mmu/write-not-logged'],
    expect: { caught: 'mmu/write-not-logged', always: HARVESTED },
  },
  {
    name: 'mmu/slow-path-does-not-log',
    says: 'The slow path maps a page writable for a write and does not log it.',
    off: ['mmu.log_before_install'],
    against: ['mmu/first-write-not-logged'],
    expect: { caught: 'mmu/first-write-not-logged', always: HARVESTED },
  },
  {
    name: 'mmu/protected-without-atomic',
    says: 'Write protection reads the entry and stores it back: the Dirty bit that the CPU sets in between is lost.',
    off: ['mmu.write_protect_andnot'],
    against: ['mmu/write-not-logged'],
    expect: { caught: 'mmu/write-not-logged', always: 'the host can still tell that the page was written' },
  },
  {
    name: 'mmu/tables-linked-with-a-store',
    says: 'Under the read lock an entry is stored, not compared: of two page tables linked at once, one is lost with its mappings.',
    off: ['mmu.set_spte_cmpxchg'],
    against: ['mmu/page-table-lost'],
    expect: { caught: 'mmu/page-table-lost', always: KEPT },
  },
  {
    name: 'mmu/frame-asked-for-before-sequence',
    says: 'The read of the sequence moves below the question to the host.',
    off: ['mmu.order_seq_before_gup'],
    model: 'tso',
    against: ['notifier/freed-frame-mapped'],
    expect: { equivalent: 'x86 does not reorder loads; a weaker machine needs it' },
  },
];
