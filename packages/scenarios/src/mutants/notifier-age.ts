import type { Mutant } from '../mutant.ts';

const HOLDS = 'the page holds what the guest wrote';
const NOTICED = 'a use that begins after the page was aged is found by the next who asks';
const HARVESTED = 'a page that differs from its copy is in the next harvest';
const OWN = 'a write to one page changes that page and no other';
const ONLY_READ = 'a page that was only read is not in the harvest';

/** Changes to aging and access tracking. */
export const agingMutants: readonly Mutant[] = [
  {
    name: 'notifier/aging-does-not-report-dirty',
    says: 'Without D bits, aging takes W away and does not tell the host that the page was written.',
    off: ['notifier.report_dirty_before_w_goes'],
    against: ['notifier/aged-page-dropped'],
    expect: { caught: 'notifier/aged-page-dropped', always: HOLDS },
  },
  {
    name: 'notifier/aging-without-exchange',
    says: 'Aging reads an entry and stores the tracked value: the W that the fast path sets in between was never seen.',
    off: ['notifier.track_access_xchg'],
    against: ['notifier/aged-page-dropped'],
    expect: { caught: 'notifier/aged-page-dropped', always: HOLDS },
  },
  {
    name: 'notifier/accessed-cleared-without-atomic',
    says: 'Aging reads an entry and stores it without A: the Dirty bit that the CPU sets in between is lost.',
    off: ['notifier.clear_accessed_andnot'],
    against: ['notifier/dirty-bit-lost-in-aging'],
    expect: { caught: 'notifier/dirty-bit-lost-in-aging', always: HOLDS },
  },
  {
    name: 'mmu/hardware-bits-are-not-volatile',
    says: 'An entry whose A or D bit the hardware may still set counts as stable: it is cleared with a plain store.',
    variant: 'mmu-hardware-bits-are-not-volatile',
    against: ['notifier/dirty-bit-lost-in-aging'],
    expect: { caught: 'notifier/dirty-bit-lost-in-aging', always: HOLDS },
  },
  {
    name: 'mmu/tracked-is-not-volatile',
    says: 'An access-tracked entry that is not MMU-writable counts as stable: a use that the fast path restored is lost.',
    variant: 'mmu-tracked-is-not-volatile',
    against: ['notifier/use-forgotten-in-zap'],
    expect: {
      caught: 'notifier/use-forgotten-in-zap',
      always: 'the host was told of the use, or finds it when it asks',
    },
  },
  {
    name: 'notifier/aging-does-not-flush',
    says: 'clear_flush_young does not flush: with A bits, a use through a TLB is not noticed.',
    off: ['notifier.flush_young'],
    against: ['notifier/use-through-tlb-unnoticed'],
    expect: { caught: 'notifier/use-through-tlb-unnoticed', always: NOTICED },
  },
  {
    name: 'notifier/tracking-does-not-flush',
    says: 'clear_flush_young does not flush: without A bits, a TLB keeps the access that ought to fault.',
    off: ['notifier.flush_young'],
    against: ['notifier/tracked-use-unnoticed'],
    expect: { caught: 'notifier/tracked-use-unnoticed', always: NOTICED },
  },
  {
    name: 'dirty/flush-only-what-was-protected',
    says: 'A harvest flushes only if it took W itself: aging took it before, and the TLB still has it.',
    off: ['dirty.flush_for_taken_bits'],
    against: ['mmu/aged-write-not-logged'],
    expect: { caught: 'mmu/aged-write-not-logged', always: HARVESTED },
  },
  {
    name: 'mmu/protected-page-not-reported-dirty',
    says: 'Without D bits, a harvest takes W away and does not tell the host that the page was written.',
    off: ['mmu.report_protected_dirty'],
    against: ['mmu/aged-write-not-logged'],
    expect: {
      caught: 'mmu/aged-write-not-logged',
      always: 'the host can still tell that the page was written',
    },
  },
  {
    name: 'mmu/restore-sets-w',
    says: 'Access tracking gives back R, W and X: a read makes the page writable, and logs it.',
    variant: 'mmu-restore-sets-w',
    against: ['mmu/read-page-logged'],
    expect: { caught: 'mmu/read-page-logged', always: ONLY_READ },
  },
  {
    name: 'mmu/w-is-saved',
    says: 'Access tracking saves W with R and X, and gives it back: protection that came in between is undone.',
    variant: 'mmu-w-is-saved',
    against: ['mmu/read-page-logged'],
    expect: { caught: 'mmu/read-page-logged', always: ONLY_READ },
  },
  {
    name: 'mmu/present-by-rwx',
    says: 'Present is computed from R, W and X: a tracked page looks unmapped, and is mapped anew, writable and logged.',
    variant: 'mmu-present-by-rwx',
    against: ['mmu/read-page-logged'],
    expect: { caught: 'mmu/read-page-logged', always: ONLY_READ },
  },
  {
    name: 'notifier/tracked-page-leaves-reverse-map',
    says: 'A tracked entry is taken out of the reverse map as if it were zapped.',
    variant: 'shadow-aged-page-leaves-rmap',
    against: ['shadow/aged-page-dropped'],
    expect: { caught: 'shadow/aged-page-dropped', always: 'the page holds what the guest wrote' },
  },
  {
    name: 'mmu/restore-makes-shared-page-writable',
    says: 'Access tracking gives back W to a page that the host shares: a write changes the other page.',
    variant: 'mmu-restore-sets-w',
    against: ['mmu/tracked-shared-page-written'],
    expect: { caught: 'mmu/tracked-shared-page-written', always: OWN },
  },
  {
    name: 'mmu/saved-bits-are-kept',
    says: 'Giving R and X back leaves them saved as well: the next time they are saved, old and new are mixed.',
    variant: 'mmu-saved-bits-are-kept',
    against: ['mmu/read-page-logged'],
    expect: {
      caught: 'mmu/read-page-logged',
      always: 'what tracking saved is taken back before it saves again',
    },
  },
  {
    name: 'mmu/saved-bits-meet-mmu-writable',
    says: 'R is saved where MMU-writable stands: a tracked page of the host is taken for one that may be written.',
    variant: 'mmu-saved-bits-meet-mmu-writable',
    against: ['mmu/tracked-shared-page-written'],
    expect: { caught: 'mmu/tracked-shared-page-written', always: OWN },
  },
  {
    name: 'mmu/writable-without-mmu-writable',
    says: 'A leaf is made writable and not MMU-writable: nothing that protects it later could be undone, or noticed.',
    variant: 'mmu-writable-without-mmu-writable',
    against: ['mmu/tracked-shared-page-written'],
    expect: {
      caught: 'mmu/tracked-shared-page-written',
      always: 'every entry keeps W inside MMU-writable inside host-writable',
    },
  },
  {
    name: 'mmu/fast-path-fixes-half',
    says: 'The fast path gives R and X back for a write that it cannot allow, and calls the fault fixed.',
    variant: 'mmu-fast-path-fixes-half',
    against: ['mmu/tracked-shared-page-written', 'mmu/write-after-restore-not-logged'],
    expect: {
      equivalent:
        'the write faults once more, finds nothing that the fast path could change, and goes the slow way',
    },
  },
  {
    name: 'mmu/fast-path-of-2012-stores',
    says: 'The condition is right, and W is stored instead of compared: a protection in between is undone.',
    off: ['mmu.set_w_of_2012_cmpxchg'],
    against: ['mmu/corrected-condition-ignored'],
    expect: {
      caught: 'mmu/corrected-condition-ignored',
      always: 'a page that is protected for shadowing is not writable',
    },
  },
];
