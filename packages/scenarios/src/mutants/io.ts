/** Changes to the I/O buses: each breaks a scenario of area io, or is shown to break nothing. */
import type { Mutant } from '../mutant.ts';

const arrays: readonly Mutant[] = [
  {
    name: 'io/old-array-freed-at-once-by-register',
    says: 'Registering frees the old array without a grace period: an exit that found it walks freed ranges.',
    off: ['io.register_waits_for_readers'],
    expect: {
      caught: 'io/ranges-move-under-a-vcpu',
      always: 'no array is freed under an exit that found it',
    },
  },
  {
    name: 'io/old-array-freed-at-once-by-unregister',
    says: 'Unregistering returns without a grace period: array and device are freed while an exit uses them.',
    off: ['io.unregister_waits_for_readers'],
    expect: {
      caught: 'io/bus-freed-under-a-vcpu',
      always: 'no exit touches a freed array or a freed device',
    },
  },
  {
    name: 'io/larger-array-published-by-a-plain-store',
    says: 'A registration publishes its array without release: an exit may find the pointer before the ranges.',
    off: ['io.publish_bus_with_device'],
    expect: {
      caught: 'io/ranges-move-under-a-vcpu',
      always: 'no array changes under an exit that found it',
    },
  },
  {
    name: 'io/smaller-array-published-by-a-plain-store',
    says: 'An unregistration publishes its array without release: an exit may find the pointer before the ranges.',
    off: ['io.publish_bus_without_device'],
    expect: {
      caught: 'io/bus-freed-under-a-vcpu',
      always: 'an exit that finds an array finds it filled',
    },
  },
  {
    name: 'io/ranges-moved-in-place',
    says: 'A registration moves the ranges of the published array instead of a copy, under a search.',
    variant: 'io-register-in-place',
    expect: {
      caught: 'io/ranges-move-under-a-vcpu',
      always: 'no array changes under an exit that found it',
    },
  },
];

const writers: readonly Mutant[] = [
  {
    name: 'io/assign-without-slots-lock',
    says: 'An assignment changes the bus while another registration is under way, each unaware of the other.',
    off: ['io.assign_holds_slots_lock'],
    expect: { caught: 'io/registration-lost', always: 'the list of ioeventfds is walked under slots_lock' },
  },
  {
    name: 'io/zone-registered-without-slots-lock',
    says: 'A zone is registered while another registration is under way, each unaware of the other.',
    off: ['io.zone_register_holds_slots_lock'],
    expect: {
      caught: 'io/registration-lost',
      always: 'the array that a writer copies is found under slots_lock',
    },
  },
  {
    name: 'io/deassign-without-slots-lock',
    says: 'Deassigning walks the list of ioeventfds, and changes the bus, beside any other writer.',
    off: ['io.deassign_holds_slots_lock'],
    expect: {
      caught: 'io/ioeventfd-freed-under-a-vcpu',
      always: 'the list of ioeventfds is walked under slots_lock',
    },
  },
  {
    name: 'io/zones-unregistered-without-slots-lock',
    says: 'Unregistering walks the list of zones, and changes the bus, beside any other writer.',
    off: ['io.zone_unregister_holds_slots_lock'],
    expect: {
      caught: 'io/zone-list-walked-after-failure',
      always: 'the list of zones is walked under slots_lock',
    },
  },
  {
    name: 'io/slots-lock-dropped-after-the-copy',
    says: 'A registration lets go of slots_lock before it publishes its copy: another one is lost.',
    variant: 'io-slots-lock-dropped-after-copy',
    expect: { caught: 'io/registration-lost', always: 'all are on the bus, and counted' },
  },
  {
    name: 'io/writer-inside-a-read-section',
    says: 'A writer registers while it is itself inside kvm->srcu: its grace period waits for itself.',
    variant: 'io-register-inside-read-section',
    expect: { caught: 'io/registration-lost', always: 'an assignment comes to an end' },
  },
  {
    name: 'io/ioeventfd-counted-in-the-freed-array',
    says: 'The count of ioeventfds is raised through the pointer from before the registration: a write to freed memory.',
    variant: 'io-ioeventfd-counted-in-the-old-bus',
    expect: { caught: 'io/registration-lost', always: 'no array is used after it was freed' },
  },
  {
    name: 'io/ioeventfd-counted-before-registering',
    says: 'The count of ioeventfds is raised first, in the array that the registration copies.',
    variant: 'io-ioeventfd-counted-before-registering',
    expect: {
      equivalent: 'the copy takes the count along; only a registration that fails would leave it too high',
    },
  },
  {
    name: 'io/ioeventfd-released-before-unregister',
    says: 'Deassigning frees the ioeventfd before it is off the bus: the handler runs on freed memory.',
    variant: 'io-ioeventfd-released-first',
    expect: {
      caught: 'io/ioeventfd-freed-under-a-vcpu',
      always: 'no exit runs a handler of what was freed',
    },
  },
];

const failures: readonly Mutant[] = [
  {
    name: 'io/stranded-devices-destroyed-early',
    says: 'A bus that is given up destroys its other devices before the grace period, under an exit.',
    variant: 'io-stranded-destroyed-before-grace-period',
    expect: {
      caught: 'io/stranded-device-still-running',
      always: 'no device is destroyed under an exit, or twice',
    },
  },
  {
    name: 'io/target-destroyed-with-the-others',
    says: 'A bus that is given up destroys the target too, which its owner then frees again.',
    variant: 'io-target-destroyed-too',
    expect: {
      caught: 'io/stranded-device-still-running',
      always: 'no device is destroyed under an exit, or twice',
    },
  },
  {
    name: 'io/stranded-devices-forgotten',
    says: 'A bus that is given up leaves its other devices behind, where nobody can find them.',
    off: ['io.destroy_stranded_devices'],
    expect: { caught: 'io/stranded-device-still-running', always: 'a device is on the bus or destroyed' },
  },
  {
    name: 'io/stranded-zones-forgotten',
    says: 'A bus that is given up leaves its coalesced zones in their list, after the walk over it has ended.',
    off: ['io.destroy_stranded_devices'],
    expect: { caught: 'io/zone-list-walked-after-failure', always: 'no zone is left' },
  },
  {
    name: 'io/bus-kept-without-memory',
    says: 'Unregistering without memory keeps the old bus: the device that its owner frees is called again.',
    variant: 'io-bus-kept-without-memory',
    expect: {
      caught: 'io/device-called-after-unregister',
      always: 'no device is called after its unregister returned',
    },
  },
  {
    name: 'io/zone-walk-goes-on',
    says: 'The walk over the zones goes on after the failure that freed the next one.',
    off: ['io.stop_after_failed_unregister'],
    expect: { caught: 'io/zone-list-walked-after-failure', always: 'no zone is used after it was freed' },
  },
];

const lookups: readonly Mutant[] = [
  {
    name: 'io/cookie-trusted',
    says: 'A remembered index is used without a look at the range that stands there now.',
    off: ['io.recheck_cookie'],
    expect: {
      caught: 'io/stale-cookie-calls-another-device',
      always: 'a write reaches the device at its address, and no other',
    },
  },
  {
    name: 'io/search-result-taken-for-the-first',
    says: 'A lookup starts at whichever of several equal ranges the search lands on.',
    off: ['io.first_of_equal_ranges'],
    expect: {
      caught: 'io/datamatch-missed',
      always: 'each write signals the eventfd that waits for its value',
    },
  },
  {
    name: 'io/first-refusal-is-final',
    says: 'A write that the first device at its address refuses is not offered to the next.',
    variant: 'io-stop-at-first-refusal',
    expect: {
      caught: 'io/datamatch-missed',
      always: 'each write signals the eventfd that waits for its value',
    },
  },
];

const exits: readonly Mutant[] = [
  {
    name: 'io/user-space-before-the-bus',
    says: 'The emulator sends a write to user space without asking the bus: the device of the VM never sees it.',
    off: ['io.try_bus_before_user_space'],
    expect: {
      caught: 'io/device-write-seen-by-user-space',
      always: 'a write rings the doorbell or lands in RAM, and user space never sees it',
    },
  },
  {
    name: 'io/fast-bus-not-asked',
    says: 'A misconfiguration exit goes on to the generation check and the emulator, without the short cut.',
    off: ['io.ask_fast_bus_first'],
    expect: {
      equivalent:
        'slower; it also closes the window in which a stale entry still rings, which is allowed to be open',
    },
  },
];

const ring: readonly Mutant[] = [
  {
    name: 'io/ring-without-its-lock',
    says: 'Two vCPUs append to the ring at once and fill the same entry.',
    off: ['io.serialize_ring_writers'],
    expect: {
      caught: 'io/coalesced-write-lost',
      always: 'no entry is filled by two vCPUs, nor read while it is filled',
    },
  },
  {
    name: 'io/ring-without-write-barrier',
    says: '`last` may be seen to move before the entry below it is filled.',
    off: ['io.fill_entry_before_last'],
    expect: {
      caught: 'io/coalesced-write-lost',
      always: 'no entry is filled by two vCPUs, nor read while it is filled',
    },
  },
  {
    name: 'io/ring-fills-its-last-entry',
    says: 'The last free entry is used: full looks like empty, and the whole batch is lost.',
    off: ['io.keep_one_entry_free'],
    expect: {
      caught: 'io/coalesced-write-lost',
      always: 'every accepted write is read once, or still in the ring',
    },
  },
  {
    name: 'io/ring-index-not-checked',
    says: 'An index that user space has overwritten is used as it is.',
    off: ['io.distrust_last'],
    expect: { caught: 'io/ring-overrun', always: 'the kernel writes inside the ring' },
  },
  {
    name: 'io/ring-index-read-twice',
    says: 'The index is read again after its check, and user space changed it in between.',
    variant: 'io-last-read-twice',
    expect: { caught: 'io/ring-overrun', always: 'the kernel writes inside the ring' },
  },
];

export const ioMutants: readonly Mutant[] = [
  {
    name: 'io/event-counted-by-read-and-write',
    says: 'The count of an eventfd is raised by a read and a write: of two events at once one is not counted.',
    off: ['io.count_event'],
    against: ['io/event-not-counted'],
    expect: { caught: 'io/event-not-counted', always: 'each write is counted' },
  },
  {
    name: 'io/ack-notifiers-registered-without-irq-lock',
    says: 'A notifier is put on the list without irq_lock: of two at once, one is forgotten.',
    off: ['locks.register_ack_alone'],
    against: ['io/ack-notifier-forgotten'],
    expect: { caught: 'io/ack-notifier-forgotten', always: 'whoever is registered is told' },
  },
  {
    name: 'io/ack-notifier-taken-back-without-irq-lock',
    says: 'A notifier is taken off the list without irq_lock: one that is put there meanwhile goes with it.',
    off: ['locks.unregister_ack_alone'],
    against: ['io/ack-notifier-unlinked-with-another'],
    expect: {
      caught: 'io/ack-notifier-unlinked-with-another',
      always: 'whoever is registered is told, and nobody else',
    },
  },
  {
    name: 'io/eventfd-reference-taken-by-read-and-write',
    says: 'A reference to an eventfd is taken by a read and a write: one that is put meanwhile comes back.',
    off: ['io.get_eventfd'],
    against: ['io/eventfd-reference-lost'],
    expect: {
      caught: 'io/eventfd-reference-lost',
      always: 'the reference of the file is the one that is left',
    },
  },
  {
    name: 'io/eventfd-reference-put-by-read-and-write',
    says: 'A reference to an eventfd is put by a read and a write: one that is put meanwhile comes back.',
    off: ['io.put_eventfd'],
    against: ['io/eventfd-reference-lost'],
    expect: {
      caught: 'io/eventfd-reference-lost',
      always: 'the reference of the file is the one that is left',
    },
  },
  {
    name: 'io/irqchip-made-without-kvm-lock',
    says: 'Whether there is an irqchip is looked up without kvm->lock: two callers find none, and both make one.',
    off: ['locks.make_irqchip_alone'],
    against: ['io/irqchip-made-twice'],
    expect: { caught: 'io/irqchip-made-twice', always: 'one makes it, the other gets -EEXIST' },
  },
  ...arrays,
  ...writers,
  ...failures,
  ...lookups,
  ...exits,
  ...ring,
];
