import { caughtIn, type Mutant } from '../mutant.ts';

const KEPT = 'a frame that was given away keeps what its new owner wrote';
const HOLDS = 'the page holds what the guest wrote';
const READS_NEW = 'after its flush the guest reads what its table says';
const LOGGED = 'a page that differs from its copy is in the next harvest';
const LOST = 'nothing that the guest wrote is lost';
const VALID = 'no SPTE is installed under an invalid root';

/** A mutant that the `always` of one scenario catches. */
const caught = caughtIn('shadow');

/** Changes to the shadow MMU: keeping pages in step with the guest's tables. */
export const shadowMutants: readonly Mutant[] = [
  caught(
    'note-in-guest-entry-stored',
    'KVM stores the entry that it has read with its note: what the guest has written in between is gone.',
    'guest-entry-overwritten',
    'the entry is what the guest has written',
    { off: ['shadow.note_in_gpte'] },
  ),
  caught(
    'table-not-read-again',
    'A table is mirrored as it was read before it was protected.',
    'table-changed-under-a-fault',
    READS_NEW,
    { off: ['shadow.recheck_gpte'] },
  ),
  caught(
    'mirrored-table-not-protected',
    'A table is mirrored, and stays writable where it is mapped.',
    'table-changed-under-a-fault',
    READS_NEW,
    { off: ['shadow.protect_mirrored_table'] },
  ),
  caught(
    'protected-table-not-flushed',
    'A table is protected, and TLBs may write it on.',
    'table-changed-under-a-fault',
    READS_NEW,
    { off: ['shadow.flush_protected_table'] },
  ),
  caught(
    'table-read-while-writable',
    'A table that is out of step is read again without being protected first.',
    'sync-misses-a-write',
    READS_NEW,
    { off: ['shadow.protect_before_sync'] },
  ),
  caught(
    'table-read-before-flush',
    'The same, protected but without a flush: a TLB writes it on.',
    'sync-misses-a-write',
    READS_NEW,
    { off: ['shadow.flush_before_sync'] },
  ),
  caught(
    'parents-cleared-before-sync',
    'A top table says that all below is in step before it is.',
    'sync-misses-a-write',
    READS_NEW,
    { variant: 'shadow-parents-cleared-before-sync' },
  ),
  caught(
    'spte-before-unsync',
    'The entry that lets the guest write a table stands there before the table is said to be out of step.',
    'unsync-seen-too-late',
    READS_NEW,
    { variant: 'shadow-spte-before-unsync' },
  ),
  caught(
    'not-marked-unsync',
    'A table becomes writable and is not said to be out of step.',
    'unsync-seen-too-late',
    READS_NEW,
    { off: ['shadow.mark_unsync'] },
  ),
  caught(
    'tables-writable',
    'A table that is mirrored becomes writable like any other page.',
    'unsync-seen-too-late',
    READS_NEW,
    { off: ['shadow.protect_mirrored_tables'] },
  ),
  {
    name: 'shadow/unsync-without-write-barrier',
    says: 'Nothing orders "out of step" before the entry that lets the guest write.',
    off: ['shadow.order_unsync_before_spte'],
    model: 'tso',
    against: ['shadow/unsync-seen-too-late'],
    expect: { equivalent: 'x86 does not reorder stores; the entry is stored after' },
  },
  {
    name: 'shadow/unsync-without-read-barrier',
    says: 'Nothing orders the exit of the guest before the look at "out of step".',
    off: ['shadow.order_exit_before_unsync'],
    model: 'tso',
    against: ['shadow/unsync-seen-too-late'],
    expect: { equivalent: 'x86 does not reorder loads, and an exit is a barrier' },
  },
  caught(
    'unsync-without-lock',
    'Two who share mmu_lock count tables out of step at once, and lose one.',
    'unsync-count-lost',
    'a flush brings every table back in step',
    { off: ['shadow.lock_unsync_pages'] },
  ),
  caught(
    'flush-does-not-sync',
    'The guest loads CR3, and only its TLB is emptied.',
    'table-differs-from-its-shadow',
    'a flush by CR3 is enough',
    { off: ['shadow.sync_on_flush'] },
  ),
  caught(
    'invlpg-does-not-zap',
    'The guest flushes a page, and only its TLB is emptied.',
    'table-differs-from-its-shadow',
    'a flush of the page is enough',
    { off: ['shadow.zap_unsync_on_invlpg'] },
  ),
  caught(
    'clean-entry-writable',
    'The shadow of a clean entry is writable: nobody sets the Dirty bit of the guest.',
    'table-differs-from-its-shadow',
    'the first write sets the Dirty bit',
    { off: ['shadow.protect_clean_gpte'] },
  ),
  caught(
    'found-page-not-synced',
    'A page that is out of step is linked below another table as it is.',
    'found-out-of-step',
    'a page that is linked anew shows what its table says',
    { off: ['shadow.sync_found_page'] },
  ),
  caught(
    'new-root-not-synced',
    'A root is loaded with tables below it that are out of step.',
    'found-out-of-step',
    'a root that is loaded shows what the tables say',
    { off: ['shadow.sync_new_root'] },
  ),
  caught(
    'linked-table-not-synced',
    'A table is linked with tables below it that are out of step.',
    'linked-out-of-step',
    READS_NEW,
    { off: ['shadow.sync_before_link'] },
  ),
  caught(
    'upper-write-not-tracked',
    'A write to an upper table is emulated, and its shadow stays.',
    'write-to-upper-table-unseen',
    READS_NEW,
    { off: ['shadow.track_emulated_write'] },
  ),
  caught(
    'upper-write-not-flushed',
    'The shadow of an entry that was written goes, and TLBs keep what was below.',
    'written-entry-not-flushed',
    KEPT,
    { off: ['shadow.flush_written_entry'] },
  ),
  {
    name: 'shadow/tracked-write-faulted-in',
    says: 'A write to an upper table is not emulated at once: a fault tries to map the page first.',
    off: ['shadow.emulate_tracked_write'],
    against: ['shadow/write-to-upper-table-unseen'],
    expect: { equivalent: 'the fault finds the page tracked as well, and has the write emulated' },
  },
  ...protection(),
  ...frames(),
  ...bits(),
  ...zaps(),
  ...aliases(),
];

function protection(): Mutant[] {
  const always = 'a flush after the write shows what the table says';
  const scenario = 'write-after-protection';
  return [
    caught(
      'flush-decided-by-w',
      'Whether TLBs are flushed is decided by W, before the entry is changed.',
      scenario,
      always,
      { variant: 'shadow-flush-decided-by-w' },
    ),
    caught(
      'read-only-entry-skipped',
      'An entry that is read-only for the log is left alone when its page becomes a mirrored table.',
      scenario,
      always,
      { off: ['shadow.protect_what_may_become_writable'] },
    ),
    caught(
      'mmu-writable-left',
      'A mirrored table loses W only: the fast path gives it back.',
      scenario,
      always,
      { off: ['shadow.take_mmu_writable'] },
    ),
    {
      name: 'shadow/always-flush',
      says: 'As proposed in 2012: every protection of an entry that could be writable flushes.',
      variant: 'shadow-always-flush',
      against: [`shadow/${scenario}`, 'shadow/update-loses-dirty-bit'],
      expect: { equivalent: 'flushing more than needed is slow, not wrong' },
    },
  ];
}

/** What happens to frames of which a TLB, or the hardware, knows more than the entry. */
function frames(): Mutant[] {
  return [
    caught(
      'synced-entry-not-flushed',
      'A synchronisation drops an entry, and other TLBs keep it.',
      'dropped-entry-not-flushed',
      KEPT,
      { off: ['shadow.flush_synced'] },
    ),
    caught(
      'postponed-flush-not-counted',
      'A flush is left to others, and nobody is told.',
      'postponed-flush-forgotten',
      KEPT,
      { off: ['shadow.count_postponed_flush'] },
    ),
    caught(
      'postponed-flush-ignored',
      'The host takes a frame away, and does not look whether a flush was left to it.',
      'postponed-flush-forgotten',
      KEPT,
      { off: ['shadow.flush_for_postponed'] },
    ),
    caught(
      'postponed-flush-forgotten',
      'A flush that began before another was postponed clears the count of both.',
      'postponed-flush-forgotten',
      KEPT,
      { off: ['shadow.clear_postponed_cmpxchg'] },
    ),
    caught(
      'replaced-entry-not-flushed',
      'A fault replaces an entry by one for another page, without a flush.',
      'replaced-entry-not-flushed',
      'the guest never reads a frame of somebody else',
      { off: ['shadow.flush_changed_leaf'] },
    ),
    caught(
      'fault-ignores-invalidation',
      'A fault maps a frame whatever the host has said since it was asked.',
      'freed-frame-mapped',
      KEPT,
      { off: ['shadow.retry_after_invalidation'] },
    ),
  ];
}

/** What an entry says is told to the host when it goes, and nothing that was set meanwhile is lost. */
function bits(): Mutant[] {
  return [
    caught(
      'cleared-by-store',
      'An entry that the fast path may change is cleared with a plain store.',
      'dirty-bit-lost',
      HOLDS,
      { off: ['shadow.clear_spte_xchg'] },
    ),
    caught(
      'dirty-of-cleared-not-reported',
      'An entry is cleared, and the host is not told that it was dirty.',
      'dirty-bit-lost',
      HOLDS,
      { off: ['shadow.report_dirty_of_cleared'] },
    ),
    caught(
      'volatile-without-mmu-writable',
      'What the fast path may change counts as fixed.',
      'dirty-bit-lost',
      HOLDS,
      { variant: 'shadow-volatile-without-mmu-writable' },
    ),
    caught(
      'dirty-not-reported-without-fast-path',
      'An entry is cleared, and the host is not told that it was dirty, on a VM without fast page fault.',
      'dirty-bit-lost-without-fast-path',
      HOLDS,
      { off: ['shadow.report_dirty_of_cleared'] },
    ),
    {
      name: 'shadow/volatile-without-fast-path',
      says: 'The same where there is no fast path.',
      variant: 'shadow-volatile-without-mmu-writable',
      against: ['shadow/dirty-bit-lost-without-fast-path'],
      expect: { equivalent: "an entry without W, and with A set, is then nobody else's to change" },
    },
    caught(
      'judged-before-exchange',
      'The host is told of the bits that were read before the exchange.',
      'dirty-bit-lost',
      HOLDS,
      { variant: 'shadow-judged-before-exchange' },
    ),
    caught(
      'updated-by-store',
      'An entry in which the hardware may set D is updated with a plain store.',
      'update-loses-dirty-bit',
      HOLDS,
      { off: ['shadow.update_spte_xchg'] },
    ),
    caught(
      'dirty-of-updated-not-reported',
      'An update takes D away, and the host is not told.',
      'update-loses-dirty-bit',
      HOLDS,
      { off: ['shadow.report_dirty_of_updated'] },
    ),
    caught(
      'volatile-without-a-and-d',
      'What the hardware may change counts as fixed.',
      'update-loses-dirty-bit',
      HOLDS,
      { variant: 'shadow-volatile-without-a-and-d' },
    ),
    caught('aged-by-store', 'Aging clears A by a read and a store.', 'aged-page-dropped', HOLDS, {
      off: ['shadow.clear_accessed_andnot'],
    }),
  ];
}

function zaps(): Mutant[] {
  const LIVES = 'a vCPU gets on';
  return [
    caught(
      'generation-not-toggled',
      'A zap of everything leaves the generation as it is: no page counts as old.',
      'mapping-left-after-delete',
      KEPT,
      { off: ['shadow.toggle_valid_gen'] },
    ),
    caught(
      'obsolete-pages-left',
      'Pages of the old generation are not taken apart.',
      'mapping-left-after-delete',
      LOST,
      { off: ['shadow.zap_obsolete_pages'] },
    ),
    caught(
      'pages-of-an-old-generation',
      'A new page does not say which generation it is of.',
      'root-kept-after-zap',
      LIVES,
      { off: ['shadow.stamp_generation'] },
    ),
    caught(
      'obsolete-root-used',
      'A fault maps a page under a root that was zapped.',
      'root-kept-after-zap',
      VALID,
      { off: ['shadow.retry_obsolete_root'] },
    ),
    caught('roots-not-requested', 'Nobody is told to load another root.', 'root-kept-after-zap', LIVES, {
      off: ['shadow.request_free_obsolete'],
    }),
    {
      name: 'shadow/zapped-root-stays-valid',
      says: 'A zap of everything does not say of each page that it is invalid.',
      off: ['shadow.invalidate_before_request'],
      against: ['shadow/root-kept-after-zap'],
      expect: { equivalent: 'its generation is the old one, which says the same' },
    },
    caught(
      'request-before-invalid',
      'vCPUs are told to look at their roots before these are invalid: they keep them.',
      'root-kept-after-zap',
      LIVES,
      { variant: 'shadow-request-before-invalid' },
    ),
    caught(
      'freed-before-flush',
      'Pages are freed before those who walk them are done.',
      'root-kept-after-zap',
      'no shadow page is walked after it was freed',
      { off: ['shadow.flush_before_free'] },
    ),
    caught('root-reclaimed', 'A fault that needs room zaps its own root.', 'root-reclaimed', VALID, {
      off: ['shadow.skip_roots'],
    }),
  ];
}

/** An entry that went away and came back for another page. */
function aliases(): Mutant[] {
  const held = 'shadow/gfn-alias-aba-with-frame-held';
  const merged = 'shadow/gfn-alias-aba-by-merging';
  const irqs = 'shadow.walk_with_irqs_off';
  const [merge, keep] = ['notifier.merge_only_unreferenced', 'notifier.keep_only_unreferenced'];
  const covered = { covered: held, with: [irqs], always: LOGGED };
  return [
    caught(
      'fast-path-on-indirect-pages',
      'Fast page fault is on for pages that mirror tables, by a walk that nobody waits for: the log has another page.',
      'gfn-alias-aba',
      LOGGED,
      { variant: 'shadow-fast-path-on-indirect-pages' },
    ),
    {
      name: 'shadow/frame-not-held',
      says: 'It is on as in 2012, and nothing holds the frame: the walk with interrupts off does, since a flush waits for it.',
      variant: 'shadow-indirect-frame-not-held',
      against: [held],
      expect: covered,
    },
    {
      name: 'shadow/held-frame-reclaimed',
      says: 'It holds the frame, and reclaim gives it away all the same.',
      variant: 'shadow-frame-freed-while-held',
      against: [held],
      expect: covered,
    },
    {
      name: 'shadow/held-frame-merged',
      says: 'It holds the frame, and KSM merges its page with another all the same: the frame comes back for that one only if whoever keeps it looks away too.',
      off: [merge],
      against: [merged],
      expect: { covered: merged, with: [keep, irqs], always: LOGGED },
    },
    {
      name: 'shadow/held-frame-kept',
      says: 'The last page on a merged frame keeps it although somebody holds it: nobody does, as long as held frames are not merged.',
      off: [keep],
      against: [merged],
      expect: { covered: merged, with: [merge, irqs], always: LOGGED },
    },
    {
      name: 'shadow/walk-with-irqs-on',
      says: 'The lockless walk takes interrupts: nobody who flushes waits for it, and pages are freed under it.',
      off: ['shadow.walk_with_irqs_off'],
      against: ['shadow/root-kept-after-zap'],
      expect: { caught: 'shadow/root-kept-after-zap', always: 'no shadow page is walked after it was freed' },
    },
    {
      name: 'shadow/held-frame-walk-with-irqs-on',
      says: 'The same where the frame is held: the reference is enough to keep the log right.',
      off: ['shadow.walk_with_irqs_off'],
      against: [held],
      expect: { equivalent: 'a frame that is held is not given to another page' },
    },
  ];
}
