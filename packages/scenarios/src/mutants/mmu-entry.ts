import type { Mutant } from '../mutant.ts';

const KEPT = 'a frame that was given away keeps what its new owner wrote';
const HARVESTED = 'a page that differs from its copy is in the next harvest';
const RUNS_ON = 'no guest runs on without an interrupt that it was sent';
const SLEEPS_ON = 'no vCPU sleeps on with an interrupt for it';
const NO_OLD_FRAME = 'after the flush has returned, no vCPU uses the old frame';
const IN_GUEST = 'mmu/flush-leaves-a-vcpu-in-the-guest';
const CLIENT = 'mmu/flush-shows-more-than-abstract';

/** Changes to the entry into the guest, to requests, kicks and remote flushes. */
export const mmuEntryMutants: readonly Mutant[] = [
  {
    name: 'mmu/flush-not-requested',
    says: 'A flush interrupts vCPUs in the guest and leaves no request: they come back with what they had.',
    off: ['mmu.set_request'],
    against: [IN_GUEST],
    expect: { caught: IN_GUEST, always: KEPT },
  },
  {
    name: 'mmu/guest-not-interrupted',
    says: 'A flush leaves its request and does not interrupt who is in the guest.',
    off: ['mmu.interrupt_vcpus_in_guest'],
    against: [IN_GUEST],
    expect: { caught: IN_GUEST, always: KEPT },
  },
  {
    name: 'mmu/interrupt-lost-in-the-client',
    says: 'The same, seen by two vCPUs and nothing else.',
    off: ['mmu.interrupt_vcpus_in_guest'],
    against: [CLIENT],
    expect: { caught: CLIENT, always: NO_OLD_FRAME },
  },
  {
    name: 'mmu/interrupt-lost-between-two-flushes',
    says: 'The same, with a second flush under way.',
    off: ['mmu.interrupt_vcpus_in_guest'],
    against: ['mmu/flush-shows-more-than-abstract-flushers'],
    expect: {
      caught: 'mmu/flush-shows-more-than-abstract-flushers',
      always: 'after the first has returned, the vCPU does not use its old frame',
    },
  },
  {
    name: 'mmu/request-not-acted-on',
    says: 'A vCPU takes the request and keeps its TLB.',
    off: ['mmu.flush_tlb_on_request'],
    against: [IN_GUEST],
    expect: { caught: IN_GUEST, always: KEPT },
  },
  {
    name: 'mmu/mode-not-set',
    says: 'A vCPU enters and goes on saying that it is outside.',
    off: ['mmu.set_in_guest_mode'],
    against: [IN_GUEST],
    expect: { caught: IN_GUEST, always: KEPT },
  },
  {
    name: 'mmu/requests-not-checked-again',
    says: 'The requests are looked at once, with interrupts on; one that comes then is entered with.',
    off: ['mmu.check_requests_again'],
    against: [IN_GUEST],
    expect: { caught: IN_GUEST, always: KEPT },
  },
  {
    name: 'mmu/requests-checked-before-mode',
    says: 'The last look at the requests comes before the mode: a flush in between sees nobody in the guest.',
    variant: 'mmu-requests-checked-before-mode',
    against: [IN_GUEST],
    expect: { caught: IN_GUEST, always: KEPT },
  },
  {
    name: 'mmu/mode-read-before-request',
    says: 'The flush looks where the vCPU is, and sets the request afterwards: an entry in between sees neither.',
    variant: 'mmu-mode-read-before-request',
    against: [IN_GUEST],
    expect: { caught: IN_GUEST, always: KEPT },
  },
  {
    name: 'mmu/outside-before-the-last-access',
    says: 'The mode says outside while the last instruction still runs: a flush in between does not wait for it.',
    variant: 'mmu-outside-before-the-last-access',
    against: [IN_GUEST],
    expect: { caught: IN_GUEST, always: KEPT },
  },
  {
    name: 'mmu/flush-does-not-wait',
    says: 'A flush sends its interrupts and returns before they have been taken.',
    variant: 'mmu-flush-does-not-wait',
    against: [IN_GUEST],
    expect: { caught: IN_GUEST, always: KEPT },
  },
  {
    name: 'mmu/exiting-counts-as-outside',
    says: 'A vCPU that somebody else has interrupted counts as out, although it has not noticed.',
    variant: 'mmu-exiting-counts-as-outside',
    against: ['mmu/flush-trusts-another-flush'],
    expect: { caught: 'mmu/flush-trusts-another-flush', always: KEPT },
  },
  {
    name: 'mmu/requests-handled-with-irqs-off',
    says: 'A request that comes late is dealt with with interrupts off: it wants the lock of who waits for the interrupt.',
    variant: 'mmu-requests-handled-with-irqs-off',
    against: ['mmu/flush-waits-for-a-vcpu-that-waits'],
    expect: { caught: 'mmu/flush-waits-for-a-vcpu-that-waits', always: 'the zap comes to an end' },
  },
  {
    name: 'mmu/kick-sends-nothing',
    says: 'A kick notes that the vCPU should leave its guest, and sends no interrupt.',
    off: ['mmu.send_kick'],
    against: ['mmu/kick-lost'],
    expect: { caught: 'mmu/kick-lost', always: RUNS_ON },
  },
  {
    name: 'mmu/kick-without-request',
    says: 'The vCPU is kicked and finds nothing to do.',
    off: ['mmu.request_event'],
    against: ['mmu/kick-lost'],
    expect: { caught: 'mmu/kick-lost', always: RUNS_ON },
  },
  {
    name: 'mmu/kick-before-request',
    says: 'The vCPU is kicked first: it leaves its guest, finds nothing, and is back before the request is there.',
    variant: 'mmu-kick-before-request',
    against: ['mmu/kick-lost'],
    expect: { caught: 'mmu/kick-lost', always: RUNS_ON },
  },
  {
    name: 'mmu/request-cleared-when-done',
    says: 'A request is cleared after it has been dealt with: the next one, made meanwhile, goes with it.',
    variant: 'mmu-request-cleared-when-done',
    against: ['mmu/kick-lost'],
    expect: { caught: 'mmu/kick-lost', always: RUNS_ON },
  },
  {
    name: 'mmu/sleeper-not-woken',
    says: 'A kick looks whether the vCPU is in its guest, not whether it sleeps.',
    off: ['mmu.wake_before_kick'],
    against: ['mmu/kick-finds-nobody-asleep'],
    expect: { caught: 'mmu/kick-finds-nobody-asleep', always: SLEEPS_ON },
  },
  {
    name: 'mmu/sleeps-without-looking',
    says: 'A vCPU goes to sleep without a look at its requests.',
    off: ['mmu.check_before_sleeping'],
    against: ['mmu/kick-finds-nobody-asleep'],
    expect: { caught: 'mmu/kick-finds-nobody-asleep', always: SLEEPS_ON },
  },
  {
    name: 'mmu/asleep-after-looking',
    says: 'A vCPU looks for requests and says afterwards that it sleeps: a wake-up in between finds nobody.',
    variant: 'mmu-asleep-after-looking',
    against: ['mmu/kick-finds-nobody-asleep'],
    expect: { caught: 'mmu/kick-finds-nobody-asleep', always: SLEEPS_ON },
  },
  {
    name: 'mmu/kicked-on-the-way-in',
    says: 'A vCPU that was kicked as it entered does not turn back for the mode alone.',
    off: ['mmu.kicked_on_the_way_in'],
    against: ['mmu/kick-lost', IN_GUEST],
    expect: {
      equivalent: 'the interrupt is on its way, and ends the turn of the guest as soon as it begins',
    },
  },
  {
    name: 'mmu/flush-judged-by-earlier-look',
    says: 'Write protection flushes if the entry was writable when it looked, before it cleared W: the fast path sets W in between.',
    off: ['dirty.flush_for_taken_bits'],
    variant: 'mmu-flush-judged-by-earlier-look',
    against: ['mmu/flush-skipped-nothing-changed'],
    expect: { caught: 'mmu/flush-skipped-nothing-changed', always: HARVESTED },
  },
  {
    name: 'mmu/real-flush-left-out',
    says: 'A notifier returns without any flush, with every level real.',
    off: ['notifier.flush_before_return'],
    against: ['mmu/flush-frame-written-all-levels-real'],
    expect: { caught: 'mmu/flush-frame-written-all-levels-real', always: KEPT },
  },
  {
    name: 'mmu/real-fast-path-loses',
    says: 'A zap does not tell the host that the page is dirty, with every level real.',
    off: ['mmu.report_dirty_to_host'],
    against: ['mmu/flush-frame-written-all-levels-real'],
    expect: { caught: 'mmu/flush-frame-written-all-levels-real', always: 'the guest reads what it wrote' },
  },
  {
    name: 'mmu/request-before-its-state',
    says: 'The request may be seen before what it is about.',
    off: ['mmu.order_state_before_request'],
    model: 'tso',
    against: ['mmu/flush-leaves-a-vcpu-in-the-guest', 'mmu/kick-finds-nobody-asleep'],
    expect: { equivalent: 'on x86 stores are seen in order, and setting the bit is a locked instruction' },
  },
  {
    name: 'mmu/state-before-clearing',
    says: 'What a request is about may be read before its bit is cleared.',
    off: ['mmu.order_clear_before_state'],
    model: 'tso',
    against: ['mmu/flush-leaves-a-vcpu-in-the-guest', 'mmu/kick-finds-nobody-asleep'],
    expect: { equivalent: 'clearing the bit is a locked instruction, a full barrier on x86' },
  },
  {
    name: 'mmu/request-after-mode',
    says: 'Who asks reads the mode before its request can be seen.',
    off: ['mmu.order_request_before_mode'],
    model: 'tso',
    against: ['mmu/flush-leaves-a-vcpu-in-the-guest', 'mmu/kick-finds-nobody-asleep'],
    expect: { equivalent: 'setting the bit is a locked instruction, a full barrier on x86' },
  },
  {
    name: 'mmu/mode-after-requests',
    says: 'An entering vCPU reads its requests before its mode can be seen.',
    off: ['mmu.order_mode_before_requests'],
    model: 'tso',
    expect: {
      caught: 'mmu/flush-leaves-a-vcpu-in-the-guest',
      always: 'a frame that was given away keeps what its new owner wrote',
    },
  },
  {
    name: 'mmu/asleep-after-requests',
    says: 'A vCPU that goes to sleep reads its requests before others can see that it sleeps.',
    off: ['mmu.order_blocking_before_check'],
    model: 'tso',
    expect: {
      caught: 'mmu/kick-finds-nobody-asleep',
      always: 'no vCPU sleeps on with an interrupt for it',
    },
  },
  {
    name: 'mmu/reader-of-tables-counts-as-outside',
    says: 'A vCPU that walks shadow page tables with interrupts off is not waited for: a table is freed under it.',
    variant: 'mmu-reader-counts-as-outside',
    against: ['mmu/shadow-page-freed-under-a-walk'],
    expect: {
      caught: 'mmu/shadow-page-freed-under-a-walk',
      always: 'no page table is walked after it was freed',
    },
  },
  {
    name: 'mmu/walk-with-irqs-on',
    says: 'The lockless walk of shadow page tables leaves interrupts on: who waits for the interrupt frees what is walked.',
    off: ['mmu.irqs_off_while_walking'],
    against: ['mmu/shadow-page-freed-under-a-walk'],
    expect: {
      caught: 'mmu/shadow-page-freed-under-a-walk',
      always: 'no page table is walked after it was freed',
    },
  },
  {
    name: 'mmu/table-freed-at-once',
    says: 'A table is freed as soon as it is unlinked.',
    off: ['mmu.wait_for_walks'],
    against: ['mmu/shadow-page-freed-under-a-walk'],
    expect: {
      caught: 'mmu/shadow-page-freed-under-a-walk',
      always: 'no page table is walked after it was freed',
    },
  },
  {
    name: 'mmu/walk-announced-late',
    says: 'The mode waits in the store buffer while the walk reads its first entry.',
    off: ['mmu.announce_walk'],
    against: ['mmu/shadow-page-freed-under-a-walk'],
    model: 'tso',
    expect: {
      caught: 'mmu/shadow-page-freed-under-a-walk',
      always: 'no page table is walked after it was freed',
    },
  },
  {
    name: 'mmu/walk-announced-without-barrier',
    says: 'The same without store buffers: a store is a store.',
    off: ['mmu.announce_walk'],
    against: ['mmu/shadow-page-freed-under-a-walk'],
    expect: { equivalent: 'under sequential consistency the store is seen before the entry is read' },
  },
  {
    name: 'mmu/end-of-walk-relaxed',
    says: 'The end of the walk is no release: its last reads may come after the table was freed.',
    off: ['mmu.end_of_walk'],
    against: ['mmu/shadow-page-freed-under-a-walk'],
    expect: {
      caught: 'mmu/shadow-page-freed-under-a-walk',
      always: 'no page table is walked after it was freed',
    },
  },
];
