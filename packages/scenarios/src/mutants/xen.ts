/** Changes to Xen event channels and the caches behind them: each breaks a scenario of area xen, or is shown to break nothing. */
import type { Mutant } from '../mutant.ts';

const locks: readonly Mutant[] = [
  {
    name: 'xen/cache-ended-without-gpc-lock',
    says: 'A cache is taken off the list while a notifier walks it.',
    off: ['xen.end_cache_holds_gpc_lock'],
    against: ['xen/cache-ended-under-a-notifier'],
    expect: {
      caught: 'xen/cache-ended-under-a-notifier',
      always: 'the list of caches changes under gpc_lock',
    },
  },
  {
    name: 'xen/mapped-under-kvm-lock',
    says: 'shared_info is mapped under kvm->lock: a vCPU that sends meets an ioctl that waits for it.',
    variant: 'before-310bc39546',
    expect: { caught: 'xen/evtchn-deadlock', always: 'the hypercall and the ioctl both return' },
  },
  {
    name: 'xen/timer-delivers-under-kvm-lock',
    says: 'The event of a timer is delivered by the vCPU itself, so the same lock is wrong there.',
    variant: 'before-310bc39546',
    expect: { caught: 'xen/timer-deadlock', always: 'the vCPU and the ioctl both go on' },
  },
  {
    name: 'xen/vcpu-attribute-under-kvm-lock',
    says: 'An ioctl of a vCPU holds its mutex, then takes kvm->lock: the inverse of stopping all vCPUs.',
    variant: 'before-310bc39546',
    expect: { caught: 'xen/vcpu-attribute-deadlock', always: 'both ioctls return' },
  },
  {
    name: 'xen/vcpu-attribute-read-under-kvm-lock',
    says: 'The same for an ioctl of a vCPU that only reads.',
    variant: 'before-310bc39546',
    expect: { caught: 'xen/vcpu-attribute-read-deadlock', always: 'both ioctls return' },
  },
  {
    name: 'xen/hypercall-page-under-kvm-lock',
    says: 'A write to the MSR of the hypercall page takes kvm->lock like a hypercall.',
    variant: 'before-310bc39546',
    expect: { caught: 'xen/hypercall-page-deadlock', always: 'the vCPU and the ioctl both go on' },
  },
  {
    name: 'xen/work-delivers-under-kvm-lock',
    says: 'The work of an irqfd holds nothing else, so kvm->lock is as good as any for it.',
    variant: 'before-310bc39546',
    against: ['xen/irqfd-work-waits-for-ever', 'xen/two-senders-wait-for-each-other'],
    expect: { equivalent: 'nobody waits for the work, and two senders share one lock either way' },
  },
  {
    name: 'xen/grace-period-under-the-lock',
    says: 'Closing a port waits for senders with the lock held for which a sender waits.',
    variant: 'xen-grace-period-under-lock',
    expect: { caught: 'xen/port-closed-under-a-send', always: 'the send and the ioctl both return' },
  },
  {
    name: 'xen/grace-periods-of-a-reset-under-the-lock',
    says: 'A reset waits for senders, port by port, with the lock held.',
    variant: 'xen-grace-period-under-lock',
    expect: { caught: 'xen/ports-reset-under-a-send', always: 'the sends and the ioctl return' },
  },
];

const table: readonly Mutant[] = [
  {
    name: 'xen/record-freed-at-once',
    says: 'A closed port gives its record back at once, under a guest that sends on it.',
    off: ['xen.deassign_waits_for_senders'],
    expect: { caught: 'xen/port-closed-under-a-send', always: 'no record is used after it was freed' },
  },
  {
    name: 'xen/records-of-a-reset-freed-at-once',
    says: 'A reset gives all records back at once.',
    off: ['xen.reset_waits_for_senders'],
    expect: { caught: 'xen/ports-reset-under-a-send', always: 'no record is used after it was freed' },
  },
  {
    name: 'xen/table-walked-outside-rcu',
    says: 'A lookup relies on kvm->srcu, for which nobody waits who frees nodes of the table.',
    variant: 'xen-port-looked-up-outside-rcu',
    expect: {
      caught: 'xen/port-table-freed-under-a-lookup',
      always: 'no node of the table is walked after it was freed',
    },
  },
  {
    name: 'xen/nodes-freed-at-once',
    says: 'Nodes of the table are freed without a grace period of RCU.',
    off: ['xen.wait_for_port_lookups'],
    expect: {
      caught: 'xen/port-table-freed-under-a-lookup',
      always: 'no node of the table is walked after it was freed',
    },
  },
  {
    name: 'xen/update-between-two-sections',
    says: 'An update finds the record in one section of the lock and writes it in another: it may be free by then.',
    variant: 'xen-update-drops-lock',
    expect: { caught: 'xen/port-closed-under-an-update', always: 'no record is used after it was freed' },
  },
  {
    name: 'xen/assign-without-the-lock',
    says: 'Two assignments both find the port free; the record of one is lost.',
    off: ['xen.assign_holds_the_lock'],
    expect: { caught: 'xen/port-assigned-twice', always: 'one of them gets the port, the other -EEXIST' },
  },
  {
    name: 'xen/index-of-the-old-vcpu-kept',
    says: 'An update leaves the index of the old vCPU in place, and nobody looks at the id.',
    off: ['xen.forget_index_of_vcpu'],
    expect: {
      caught: 'xen/event-for-the-old-vcpu',
      always: 'an event sent after the update goes to the new vCPU',
    },
  },
];

const delivery: readonly Mutant[] = [
  {
    name: 'xen/word-before-port',
    says: 'The guest is told to look before the bit is there: it finds nothing, and is not told again.',
    variant: 'xen-word-before-port',
    expect: {
      caught: 'xen/guest-finds-nothing',
      always: 'an event that the guest has not found will be found',
    },
  },
  {
    name: 'xen/every-event-kicks',
    says: 'A vCPU is kicked although its word was noted before.',
    variant: 'xen-every-event-kicks',
    against: ['xen/guest-finds-nothing', 'xen/vcpu-sleeps-on', 'xen/noted-word-dropped'],
    expect: { equivalent: 'a kick too many makes the vCPU look once more' },
  },
  {
    name: 'xen/noted-word-without-a-kick',
    says: 'A word is noted in a vCPU that sleeps, and nobody tells it.',
    off: ['xen.kick_for_noted_word'],
    expect: { caught: 'xen/vcpu-sleeps-on', always: 'the vCPU wakes up for the event' },
  },
  {
    name: 'xen/noted-words-not-passed-on',
    says: 'The vCPU raises the upcall for what it has noted, but not the words.',
    off: ['xen.pass_noted_words_on'],
    expect: { caught: 'xen/vcpu-sleeps-on', always: 'its guest finds the event' },
  },
  {
    name: 'xen/noted-words-all-forgotten',
    says: 'A word that is noted while others are passed on is cleared with them.',
    variant: 'xen-noted-words-all-forgotten',
    expect: {
      caught: 'xen/noted-word-dropped',
      always: 'the guest of the vCPU finds both, or the vCPU will pass it on',
    },
  },
  {
    name: 'xen/poller-not-woken',
    says: 'A masked port becomes pending, and the vCPU that polls it sleeps on.',
    off: ['xen.wake_poller'],
    expect: { caught: 'xen/poller-sleeps-on', always: 'the vCPU wakes up for its port' },
  },
  {
    name: 'xen/poller-does-not-look',
    says: 'A vCPU says what it polls and sleeps, though the port became pending before it said so.',
    off: ['xen.poll_after_saying_so'],
    expect: { caught: 'xen/poller-sleeps-on', always: 'the vCPU wakes up for its port' },
  },
  {
    name: 'xen/timer-without-a-kick',
    says: 'A timer runs out and its vCPU, asleep, is not told.',
    off: ['xen.wake_for_timer'],
    expect: { caught: 'xen/timer-lost', always: 'the vCPU wakes up for its timer' },
  },
];

const caches: readonly Mutant[] = [
  {
    name: 'xen/cache-not-invalidated',
    says: 'The notifier leaves the caches as they are: the bit of an event goes to a frame that has another owner.',
    off: ['xen.invalidate_cache'],
    expect: {
      caught: 'xen/event-lost-as-shared-info-moves',
      always: 'an event that was accepted is pending for the guest',
    },
  },
  {
    name: 'xen/cache-not-invalidated-before-free',
    says: 'The VMM unmaps shared_info, and senders go on writing to the frame.',
    off: ['xen.invalidate_cache'],
    expect: {
      caught: 'xen/event-in-a-freed-frame',
      always: 'nothing is written to the frame after munmap returned',
    },
  },
  {
    name: 'xen/frame-used-after-unlock',
    says: 'A sender drops gpc->lock before it sets the bit: the host copies the page in between.',
    variant: 'xen-frame-used-after-unlock',
    expect: {
      caught: 'xen/event-lost-as-shared-info-moves',
      always: 'an event that was accepted is pending for the guest',
    },
  },
  {
    name: 'xen/refreshes-side-by-side',
    says: 'Two refreshes of one cache run at once, and store the frame of one beside the address of the other.',
    off: ['xen.serialize_refreshers'],
    expect: {
      caught: 'xen/cache-of-another-page',
      always: 'what is written through the cache lands in the page that it names',
    },
  },
  {
    name: 'xen/refresh-never-retried',
    says: 'A refresh believes the host although an invalidation was under way.',
    off: ['xen.check_invalidation'],
    expect: {
      caught: 'xen/event-lost-in-a-frame-just-mapped',
      always: 'an event that was accepted is pending for the guest',
    },
  },
  {
    name: 'xen/refresh-trusts-the-later-count',
    says: 'A refresh looks at the count under mmu_lock, which is raised after the notifier was done with the caches.',
    variant: 'xen-cache-trusts-in-progress',
    expect: {
      caught: 'xen/event-lost-in-a-frame-just-mapped',
      always: 'an event that was accepted is pending for the guest',
    },
  },
  {
    name: 'xen/cache-active-before-it-is-listed',
    says: 'A cache can be refreshed before the notifier can find it.',
    variant: 'xen-cache-active-before-listed',
    expect: {
      caught: 'xen/cache-not-on-the-list',
      always: 'what is written through the cache lands in its page',
    },
  },
  {
    name: 'xen/valid-while-unlocked',
    says: 'A refresh leaves the old frame valid while it asks for the new one: a sender uses it under the new address.',
    off: ['xen.invalid_while_unlocked'],
    expect: {
      caught: 'xen/event-lost-in-memory-taken-back',
      always: 'both events are pending where the guest looks',
    },
  },
  {
    name: 'xen/generation-not-checked',
    says: 'A cache is used although the slots have changed since.',
    off: ['xen.check_generation'],
    expect: {
      caught: 'xen/event-lost-in-memory-taken-back',
      always: 'both events are pending where the guest looks',
    },
  },
];

/** The slow way gives up instead of mapping shared_info: each caller loses its event. */
const givingUp: readonly Mutant[] = (
  [
    ['a-hypercall', 'The hypercall of a guest', 'xen/evtchn-deadlock', 'the event reaches the guest'],
    ['a-work-item', 'The work of an irqfd', 'xen/irqfd-work-waits-for-ever', 'the event reaches the guest'],
    [
      'two-senders',
      'Of two senders one',
      'xen/two-senders-wait-for-each-other',
      'both events reach the guest',
    ],
    ['a-timer', 'The timer of a vCPU', 'xen/timer-deadlock', 'the event reaches the guest'],
    ['an-ioctl', 'An ioctl beside a migration', 'xen/event-lost-as-shared-info-moves', 'it is accepted'],
  ] as const
).map(([who, subject, caught, always]) => ({
  name: `xen/shared-info-not-mapped-for-${who}`,
  says: `${subject} finds shared_info not mapped, and its event is dropped.`,
  off: ['xen.map_shared_info_again'],
  expect: { caught, always },
}));

const others: readonly Mutant[] = [
  {
    name: 'xen/no-slow-way',
    says: 'A send that may sleep gives up like one that may not: the event is lost while shared_info is put elsewhere.',
    off: ['xen.take_slow_way'],
    expect: { caught: 'xen/event-lost-as-shared-info-is-remapped', always: 'no event is lost' },
  },
  {
    name: 'xen/work-inside-a-read-section',
    says: 'The work of an irqfd delivers inside kvm->srcu: kvm->lock is wrong for it then.',
    variant: 'xen-slow-path-inside-srcu',
    expect: { caught: 'xen/irqfd-work-waits-for-ever', always: 'the work comes to an end' },
  },
  {
    name: 'xen/vcpu-mutex-inside-the-lock',
    says: 'The slow way takes the mutex of the vCPU inside xen_lock, which is then no leaf.',
    variant: 'xen-slow-path-takes-vcpu-mutex',
    expect: { caught: 'xen/two-senders-wait-for-each-other', always: 'both senders return' },
  },
  {
    name: 'xen/active-cache-left-alone',
    says: 'A cache that is active is not pointed at another page: events go to the old one after the ioctl.',
    variant: 'xen-active-cache-left-alone',
    expect: {
      caught: 'xen/event-lost-as-shared-info-is-remapped',
      always: 'an event sent after the ioctl is in the new page',
    },
  },
  {
    name: 'xen/active-vcpu-info-left-alone',
    says: 'The same for vcpu_info: upcalls are raised in the old page after the ioctl.',
    variant: 'xen-active-cache-left-alone',
    expect: {
      caught: 'xen/upcall-lost-as-vcpu-info-is-remapped',
      always: 'an event sent after the ioctl leads to an upcall in the new page',
    },
  },
  {
    name: 'xen/word-not-noted',
    says: 'A word is dropped while vcpu_info cannot be reached.',
    off: ['xen.note_word_in_vcpu'],
    expect: {
      caught: 'xen/upcall-lost-as-vcpu-info-is-remapped',
      always: 'the word of an event is somewhere',
    },
  },
  {
    name: 'xen/update-by-replacement',
    says: 'An update takes the record out and puts another in: a send in between finds no port.',
    variant: 'xen-update-by-replacement',
    expect: { caught: 'xen/event-for-the-old-vcpu', always: 'one that was under way is not lost' },
  },
  {
    name: 'xen/eventfd-not-signalled',
    says: 'A send on a port that leads to an eventfd tells the guest that it was accepted, and does nothing.',
    off: ['xen.signal_eventfd'],
    expect: { caught: 'xen/ports-reset-under-a-send', always: 'what was accepted is delivered' },
  },
  {
    name: 'xen/eventfd-not-put',
    says: 'A record is freed with the reference that it holds to an eventfd.',
    off: ['xen.put_eventfd'],
    expect: {
      caught: 'xen/ports-reset-under-a-send',
      always: 'the reset gives its reference to the eventfd back',
    },
  },
];

export const xenMutants: readonly Mutant[] = [
  ...locks,
  ...table,
  ...delivery,
  ...caches,
  ...givingUp,
  ...others,
];
