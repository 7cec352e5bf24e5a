import type { Mutant } from '../mutant.ts';

const KEPT = 'a frame that was given away keeps what its new owner wrote';

/** Changes to MMU notifiers and to the fault that has to notice them. */
export const notifierMutants: readonly Mutant[] = [
  {
    name: 'notifier/sequence-not-bumped',
    says: 'The end of an invalidation leaves the sequence as it was: a fault that asked the host before maps what is gone.',
    off: ['notifier.bump_invalidate_seq'],
    against: ['notifier/freed-frame-mapped'],
    expect: { caught: 'notifier/freed-frame-mapped', always: KEPT },
  },
  {
    name: 'notifier/progress-not-counted',
    says: 'Nothing says that an invalidation is under way: a fault asks the host before it has changed its table.',
    off: ['notifier.count_in_progress'],
    against: ['notifier/freed-frame-mapped'],
    expect: { caught: 'notifier/freed-frame-mapped', always: KEPT },
  },
  {
    name: 'notifier/sequence-not-checked',
    says: 'A fault does not look at the sequence again under mmu_lock.',
    off: ['mmu.retry_after_invalidation'],
    against: ['notifier/freed-frame-mapped'],
    expect: { caught: 'notifier/freed-frame-mapped', always: KEPT },
  },
  {
    name: 'notifier/progress-not-checked',
    says: 'A fault does not look at the count in progress under mmu_lock.',
    off: ['mmu.retry_while_in_progress'],
    against: ['notifier/freed-frame-mapped'],
    expect: { caught: 'notifier/freed-frame-mapped', always: KEPT },
  },
  {
    name: 'notifier/no-flush',
    says: 'The start of an invalidation returns before TLBs are flushed: a vCPU goes on writing to a frame that is gone.',
    off: ['notifier.flush_before_return'],
    against: ['notifier/freed-frame-written-through-tlb'],
    expect: { caught: 'notifier/freed-frame-written-through-tlb', always: KEPT },
  },
  {
    name: 'notifier/dirty-not-reported',
    says: 'A zap drops the Dirty bit instead of telling the host: the page is thrown away as clean.',
    off: ['mmu.report_dirty_to_host'],
    against: ['notifier/freed-frame-written-through-tlb'],
    expect: { caught: 'notifier/freed-frame-written-through-tlb', always: 'the guest reads what it wrote' },
  },
  {
    name: 'notifier/count-falls-before-sequence-rises',
    says: 'The count in progress falls before the sequence has risen, for whoever looks without mmu_lock.',
    off: ['notifier.order_seq_before_count'],
    model: 'tso',
    against: ['notifier/freed-frame-mapped'],
    expect: {
      equivalent: 'on x86 stores are seen in order; a fault looks at both under mmu_lock in any case',
    },
  },
  {
    name: 'notifier/dirty-flag-left-behind',
    says: 'Migration copies the content and leaves the dirty flag behind: the page is dropped as clean at its new place.',
    off: ['notifier.keep_dirty_flag'],
    against: ['notifier/migrated-page-dropped'],
    expect: { caught: 'notifier/migrated-page-dropped', always: 'the guest reads what it wrote' },
  },
];
