import type { Mutant } from '../mutant.ts';

const KEPT = 'a frame that was given away keeps what its new owner wrote';
const WRITTEN = 'the page holds what the guest wrote';
const NOT_FREED = 'no page table is walked after it was freed';
const VALID = 'no SPTE is installed under an invalid root';
const UNMAPPED = 'frames that were unmapped keep what their new owners wrote';
const SURVIVES = 'mmu/root-survives-its-slot';
const WALKER = 'mmu/table-freed-under-a-walker';
const NOTIFIER = 'mmu/root-freed-under-a-notifier';
const REMOVED = 'mmu/table-removed-under-a-vcpu';
const RECOVERED = 'mmu/table-recovered-under-a-vcpu';
const YIELDS = 'mmu/yield-leaves-translation';

/** Changes to the tables of the TDP MMU: frozen entries, freeing, roots, yielding, and zapping everything. */
export const mmuTablesMutants: readonly Mutant[] = [
  {
    name: 'mmu/zap-without-frozen',
    says: 'A zap beside faults stores 0 and flushes afterwards, so that the entry can be filled in between.',
    variant: 'mmu-zap-without-frozen',
    against: [REMOVED, 'mmu/frozen-entry-overwritten'],
    expect: {
      equivalent:
        'a frame changes only under mmu_lock held for write: what can be filled in before the flush, in small pages or a huge one, leads to the same frames',
    },
  },
  {
    name: 'mmu/zap-beside-faults-does-not-flush',
    says: 'A zap beside faults releases the entry without a flush: the vCPU writes on through what was there.',
    off: ['mmu.flush_before_release'],
    against: [REMOVED],
    expect: { caught: REMOVED, always: WRITTEN },
  },
  {
    name: 'mmu/removed-table-frozen-without-exchange',
    says: 'An entry of a table just cut off is read and then stored, beside faults: the Dirty bit set in between is lost.',
    off: ['mmu.freeze_child_xchg'],
    against: [REMOVED],
    expect: { caught: REMOVED, always: WRITTEN },
  },
  {
    name: 'mmu/volatile-child-stored',
    says: 'The same with mmu_lock held for write: what the hardware may change is overwritten with a plain store.',
    off: ['mmu.freeze_volatile_child_xchg'],
    against: [RECOVERED],
    expect: { caught: RECOVERED, always: WRITTEN },
  },
  {
    name: 'mmu/tables-recovered-without-flush',
    says: 'Tables are taken back and no TLB is flushed before mmu_lock is dropped.',
    off: ['mmu.flush_before_tables_go'],
    against: [RECOVERED],
    expect: { caught: RECOVERED, always: WRITTEN },
  },
  {
    name: 'mmu/frozen-children-skipped',
    says: 'A removed table leaves an entry alone that somebody else has frozen; released, it is filled again.',
    off: ['mmu.wait_for_owner'],
    against: ['mmu/frozen-entry-overwritten'],
    expect: { caught: 'mmu/frozen-entry-overwritten', always: WRITTEN },
  },
  {
    name: 'mmu/lost-cmpxchg-stored',
    says: 'After a lost cmpxchg the entry is stored all the same, accounted by the value from before.',
    variant: 'mmu-lost-cmpxchg-stored',
    against: ['mmu/page-table-lost'],
    expect: { caught: 'mmu/page-table-lost', always: KEPT },
  },
  {
    name: 'mmu/tables-freed-at-once',
    says: 'An unlinked page table is freed at once, while the fast path walks it.',
    variant: 'mmu-tables-freed-at-once',
    against: [WALKER],
    expect: { caught: WALKER, always: NOT_FREED },
  },
  {
    name: 'mmu/tables-freed-without-grace-period',
    says: 'Page tables are freed later, but nobody waits for those who walk them.',
    off: ['mmu.wait_for_walkers'],
    against: [WALKER],
    expect: { caught: WALKER, always: NOT_FREED },
  },
  {
    name: 'mmu/fast-path-outside-rcu',
    says: 'The fast path walks the tables outside RCU.',
    variant: 'mmu-fast-path-outside-rcu',
    against: [WALKER],
    expect: { caught: WALKER, always: NOT_FREED },
  },
  {
    name: 'mmu/fast-path-reads-again',
    says: 'The fast path compares with a value that it read again, not with the one that it judged: it revives what was zapped.',
    variant: 'mmu-fast-path-reads-again',
    against: ['mmu/dirty-bit-lost'],
    expect: { caught: 'mmu/dirty-bit-lost', always: KEPT },
  },
  {
    name: 'mmu/fast-path-without-leaf-check',
    says: 'The fast path does not ask whether the entry that it found is a leaf.',
    variant: 'mmu-fast-path-without-leaf-check',
    against: [WALKER, 'mmu/write-not-logged'],
    expect: {
      equivalent: 'the walk goes on through whatever leads to a table, so it ends at a leaf or at nothing',
    },
  },
  {
    name: 'mmu/roots-without-reference',
    says: 'A walk over the roots drops mmu_lock without a reference to the root that it stands in.',
    variant: 'mmu-roots-without-reference',
    against: [NOTIFIER],
    expect: { caught: NOTIFIER, always: NOT_FREED },
  },
  {
    name: 'mmu/root-counted-without-cmpxchg',
    says: 'A reference to a root is taken by a load and a store: one that is put in between is not missed.',
    off: ['mmu.get_root_cmpxchg'],
    against: [NOTIFIER],
    expect: { caught: NOTIFIER, always: 'a root that nobody uses is freed' },
  },
  {
    name: 'mmu/yields-without-flush',
    says: 'A walk drops mmu_lock with entries that are zapped but not flushed; another notifier finds nothing to flush.',
    off: ['mmu.flush_before_yield'],
    against: [YIELDS],
    expect: { caught: YIELDS, always: KEPT },
  },
  {
    name: 'mmu/walk-not-restarted',
    says: 'After a yield the walk goes on where it was, with the tables and the entry from before.',
    off: ['mmu.restart_after_yield'],
    against: ['mmu/unmapped-page-written'],
    expect: { caught: 'mmu/unmapped-page-written', always: UNMAPPED },
  },
  {
    name: 'mmu/roots-stay-valid',
    says: 'Zapping everything does not invalidate the roots.',
    off: ['mmu.invalidate_all_roots'],
    against: [SURVIVES],
    expect: { caught: SURVIVES, always: KEPT },
  },
  {
    name: 'mmu/no-request-to-reload',
    says: 'vCPUs are not told that their roots are obsolete.',
    off: ['mmu.request_free_obsolete_roots'],
    against: [SURVIVES],
    expect: { caught: SURVIVES, always: KEPT },
  },
  {
    name: 'mmu/request-before-invalidation',
    says: 'vCPUs are told outside the section that invalidates the roots: one looks too early, and keeps its own.',
    variant: 'mmu-request-before-invalidation',
    against: [SURVIVES],
    expect: { caught: SURVIVES, always: KEPT },
  },
  {
    name: 'mmu/invalid-root-found-again',
    says: 'A vCPU that looks for a root takes an invalid one.',
    off: ['mmu.never_reuse_invalid_root'],
    against: [SURVIVES],
    expect: { caught: SURVIVES, always: KEPT },
  },
  {
    name: 'mmu/new-root-without-flush',
    says: 'A vCPU loads a new root and keeps what its TLB holds of the old one, which is zapped without a flush.',
    off: ['mmu.flush_new_root'],
    against: [SURVIVES],
    expect: { caught: SURVIVES, always: KEPT },
  },
  {
    name: 'mmu/obsolete-root-not-noticed',
    says: 'A fault does not look whether its root is still valid, and maps below one that has been zapped already.',
    off: ['mmu.retry_obsolete_root'],
    against: [WALKER],
    expect: { caught: WALKER, always: VALID },
  },
  {
    name: 'mmu/invalid-roots-not-zapped',
    says: 'Invalid roots are not zapped: the Dirty bits in them reach nobody, and pages are dropped as clean.',
    off: ['mmu.zap_invalidated_roots'],
    against: [SURVIVES],
    expect: { caught: SURVIVES, always: 'nothing that the guest wrote is lost' },
  },
  {
    name: 'mmu/read-only-page-stays-in-tlb',
    says: 'mprotect returns before TLBs are flushed: the guest goes on writing to the page.',
    off: ['notifier.flush_before_return'],
    against: ['mmu/read-only-page-written'],
    expect: {
      caught: 'mmu/read-only-page-written',
      always: 'a page that was made read-only stays as it is',
    },
  },
  {
    name: 'mmu/invalid-roots-zapped-later',
    says: 'Invalid roots are zapped some time after the ioctl has returned, when their frames have other owners.',
    variant: 'mmu-invalid-roots-zapped-later',
    against: ['mmu/freed-frame-marked'],
    expect: {
      caught: 'mmu/freed-frame-marked',
      always: 'a frame that was given away is not marked for what the guest did',
    },
  },
  {
    name: 'mmu/root-put-before-zap',
    says: "The MMU's own reference to an invalid root is put before the root is zapped.",
    variant: 'mmu-root-put-before-zap',
    against: ['mmu/freed-frame-marked', NOTIFIER],
    expect: { equivalent: 'the walk that zaps it holds another reference, so notifiers find it as before' },
  },
  {
    name: 'mmu/caches-filled-under-lock',
    says: 'The caches of page-table pages are filled with mmu_lock held.',
    expect: {
      elsewhere: 'needs allocations that sleep, and the rule against sleeping under a spinning lock',
    },
  },
  {
    name: 'mmu/slot-of-another-section',
    says: 'A fault looks its slot up in one read section of kvm->srcu and uses it in another.',
    expect: {
      elsewhere: 'memslots/decision-outside-read-section and memslots/deleted-slot-still-used have it',
    },
  },
  {
    name: 'mmu/protection-of-page-tables-ignored',
    says: 'The fast path looks at host-writable alone, and makes a shadowed page table of the guest writable.',
    variant: 'mmu-fast-path-by-host-writable',
    against: ['shadow/write-after-protection'],
    expect: {
      caught: 'shadow/write-after-protection',
      always: 'a flush after the write shows what the table says',
    },
  },
];
