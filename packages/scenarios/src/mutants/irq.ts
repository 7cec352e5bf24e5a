/** Changes to irq routing and irqfd: each breaks a scenario of area locks, or is shown to break nothing. */
import type { Mutant } from '../mutant.ts';

const routing: readonly Mutant[] = [
  {
    name: 'locks/irqchip-before-routes',
    says: 'The VM says that it has an irqchip before it has a routing table.',
    variant: 'irq-mode-before-routes',
    expect: { caught: 'locks/routing-table-missing', always: 'an irqchip that is there has routes' },
  },
  {
    name: 'locks/routes-freed-at-once',
    says: 'An update of the routes frees the old table while somebody copies from it.',
    off: ['locks.routing_waits_for_readers'],
    expect: {
      caught: 'locks/route-freed-under-a-delivery',
      always: 'no route is copied from a table that was freed',
    },
  },
  {
    name: 'locks/grace-period-under-irq-lock',
    says: 'An update waits for readers with irq_lock held, for which a reader waits.',
    variant: 'irq-grace-period-under-irq-lock',
    expect: {
      caught: 'locks/ack-waits-for-irq-lock',
      always: 'the acknowledgement and the ioctl both end',
    },
  },
  {
    name: 'locks/irqfds-not-refreshed',
    says: 'An update of the routes leaves irqfds with their copies.',
    off: ['locks.refresh_irqfds'],
    expect: {
      caught: 'locks/irqfd-keeps-old-route',
      always: 'an event is delivered by the route that is in the table',
    },
  },
  {
    name: 'locks/irqfds-refreshed-first',
    says: 'Irqfds look their route up in the table that is about to be replaced.',
    variant: 'irq-irqfds-refreshed-first',
    expect: {
      caught: 'locks/irqfd-keeps-old-route',
      always: 'an event is delivered by the route that is in the table',
    },
  },
  {
    name: 'locks/updates-side-by-side',
    says: 'Two updates run at once, and both free the table that they replace.',
    off: ['locks.routing_holds_irq_lock'],
    expect: { caught: 'locks/irqfd-keeps-old-route', always: 'routes change under irq_lock' },
  },
  {
    name: 'locks/copy-not-counted',
    says: 'A copy is changed under a reader that does not notice: half of the old route, half of the new.',
    off: ['locks.count_route_change'],
    expect: { caught: 'locks/half-a-route', always: 'each vCPU gets the vector of its own route' },
  },
  {
    name: 'locks/kvm-lock-inside-irq-lock',
    says: 'An update of the routes takes kvm->lock inside irq_lock, the inverse of creating an irqchip.',
    variant: 'irq-kvm-lock-inside-irq-lock',
    expect: { caught: 'locks/kvm-lock-inside-irq-lock', always: 'both ioctls return' },
  },
  {
    name: 'locks/delivered-inside-the-section',
    says: 'A route is followed inside irq_srcu, and delivery waits for a lock whose holder waits for the section.',
    variant: 'irq-delivered-inside-section',
    expect: { caught: 'locks/deassign-waits-for-work', always: 'the ioctls and the work come to an end' },
  },
];

const assigning: readonly Mutant[] = [
  {
    name: 'locks/route-copied-before-the-lock',
    says: 'An irqfd copies its route, then joins the list: an update in between misses it.',
    variant: 'irq-route-copied-before-lock',
    expect: {
      caught: 'locks/route-missed-by-an-assign',
      always: 'an event is delivered by the route that is in the table',
    },
  },
  {
    name: 'locks/assign-outside-a-section',
    says: 'An assignment is not in a section of irq_srcu: a shutdown frees the irqfd under it.',
    variant: 'irq-assign-outside-section',
    expect: { caught: 'locks/irqfd-freed-under-its-assign', always: 'no irqfd is used after it was freed' },
  },
  {
    name: 'locks/shutdown-does-not-wait',
    says: 'A shutdown does not wait for the section in which the irqfd is being assigned.',
    off: ['locks.shutdown_waits_for_assign'],
    expect: { caught: 'locks/irqfd-freed-under-its-assign', always: 'no irqfd is used after it was freed' },
  },
  {
    name: 'locks/polled-before-listed',
    says: 'An irqfd is called for events before it is on the list.',
    variant: 'irq-polled-before-listed',
    against: ['locks/event-lost-in-an-assign'],
    expect: { equivalent: 'such an event is delivered by the work, which looks the route up' },
  },
  {
    name: 'locks/inactive-drops',
    says: 'An event of an irqfd that is not on the list is dropped.',
    variant: 'irq-inactive-drops',
    against: ['locks/event-lost-in-an-assign', 'locks/work-on-a-freed-irqfd', 'locks/route-of-a-dead-irqfd'],
    expect: { equivalent: 'it is called from after it was listed; off the list it is going' },
  },
  {
    name: 'locks/polled-first-and-inactive-drops',
    says: 'Both together: an event between joining the wait queue and joining the list is lost.',
    variant: 'irq-polled-first-and-inactive-drops',
    expect: { caught: 'locks/event-lost-in-an-assign', always: 'the event becomes an interrupt' },
  },
  {
    name: 'locks/pending-event-ignored',
    says: 'An event from before the assignment is left in the eventfd, and nobody is called for it.',
    off: ['locks.inject_what_was_pending'],
    expect: { caught: 'locks/event-lost-in-an-assign', always: 'the event becomes an interrupt' },
  },
  {
    name: 'locks/polled-under-irqfds-lock',
    says: 'An irqfd joins the wait queue with irqfds.lock held, the inverse of a hangup.',
    variant: 'irq-polled-under-irqfds-lock',
    against: ['locks/eventfd-closed-under-an-assign', 'locks/event-lost-in-an-assign'],
    expect: {
      equivalent:
        'the hangup that it could meet is that of another irqfd of the VM on this eventfd, which -EBUSY excludes: an inversion of classes only',
    },
  },
  {
    name: 'locks/polled-under-irqfds-lock-without-the-file',
    says: 'The same without the file: the hangup comes before there is anybody to tell.',
    variant: 'irq-polled-under-lock-without-file',
    expect: {
      caught: 'locks/eventfd-closed-under-an-assign',
      always: 'no irqfd outlives its eventfd',
    },
  },
  {
    name: 'locks/file-dropped-before-the-poll',
    says: 'The eventfd is closed before the irqfd waits on it: the hangup is missed, and the irqfd stays.',
    variant: 'irq-file-dropped-before-poll',
    expect: { caught: 'locks/eventfd-closed-under-an-assign', always: 'no irqfd outlives its eventfd' },
  },
];

const going: readonly Mutant[] = [
  {
    name: 'locks/hangup-takes-what-is-gone',
    says: 'A hangup takes an irqfd down that a deassignment has taken down.',
    off: ['locks.hangup_checks_active'],
    expect: { caught: 'locks/irqfd-taken-down-twice', always: 'an irqfd is freed once' },
  },
  {
    name: 'locks/flushed-before-removed',
    says: 'The work is waited for while events still queue it.',
    variant: 'irq-flushed-before-removed',
    expect: {
      caught: 'locks/work-on-a-freed-irqfd',
      always: 'no work runs on an irqfd that was freed',
    },
  },
  {
    name: 'locks/work-not-flushed',
    says: 'An irqfd is freed while its work is queued or runs.',
    off: ['locks.flush_inject_work'],
    expect: {
      caught: 'locks/work-on-a-freed-irqfd',
      always: 'no work runs on an irqfd that was freed',
    },
  },
  {
    name: 'locks/deassign-does-not-flush',
    says: 'A deassignment returns while an interrupt of the pair may still come.',
    off: ['locks.deassign_flushes_cleanup'],
    expect: {
      caught: 'locks/work-on-a-freed-irqfd',
      always: 'no interrupt comes after the deassignment has returned',
    },
  },
  {
    name: 'locks/release-does-not-flush',
    says: 'The file of the VM is closed while an irqfd may still raise an interrupt.',
    off: ['locks.release_flushes_cleanup'],
    expect: {
      caught: 'locks/work-on-a-freed-vm',
      always: 'nothing touches a vCPU once the release has returned',
    },
  },
  {
    name: 'locks/waiter-stays',
    says: 'An irqfd is freed and stays in the wait queue of its eventfd.',
    off: ['locks.remove_from_wait_queue'],
    expect: {
      caught: 'locks/irqfd-freed-under-its-assign',
      always: 'nobody who is gone waits for events',
    },
  },
  {
    name: 'locks/deassign-under-kvm-lock',
    says: 'A deassignment waits, with kvm->lock held, for work that takes kvm->lock.',
    variant: 'irq-deassign-under-kvm-lock',
    expect: { caught: 'locks/deassign-waits-for-work', always: 'the ioctls and the work come to an end' },
  },
  {
    name: 'locks/inactive-uses-its-route',
    says: 'An irqfd that is off the list delivers by a copy of the route that is not refreshed any more.',
    variant: 'irq-inactive-uses-its-route',
    expect: {
      caught: 'locks/route-of-a-dead-irqfd',
      always: 'no event goes where the routes no longer lead',
    },
  },
];

const acks: readonly Mutant[] = [
  {
    name: 'locks/ack-notifier-freed-at-once',
    says: 'An ack notifier is taken off the list and freed while it is called.',
    off: ['locks.unregister_waits_for_acks'],
    expect: {
      caught: 'locks/ack-notifier-freed-under-an-ack',
      always: 'no notifier is called after it was freed',
    },
  },
  {
    name: 'locks/acks-under-the-ioapic-lock',
    says: 'Ack notifiers are called with the lock of the I/O APIC held, and one of them takes it.',
    off: ['locks.drop_lock_for_acks'],
    expect: {
      caught: 'locks/ack-enters-the-ioapic-again',
      always: 'the acknowledgement comes to an end',
    },
  },
  {
    name: 'locks/eoi-stays-virtual',
    says: 'Nobody asks the vCPUs to look at the I/O APIC again when an ack notifier joins: its EOI is never seen.',
    expect: { elsewhere: 'needs virtualized EOIs: local APIC and I/O APIC registers are not modelled' },
  },
  {
    name: 'locks/bypass-keeps-its-route',
    says: 'A device that posts interrupts itself keeps the old vector and vCPU when the routes change.',
    expect: { elsewhere: 'needs posted interrupts and the IOMMU' },
  },
  {
    name: 'locks/new-assignment-leaves-vcpu-asleep',
    says: 'A vCPU that sleeps is not told that it has a device of its own now.',
    expect: { elsewhere: 'needs posted interrupts' },
  },
];

export const irqMutants: readonly Mutant[] = [...routing, ...assigning, ...going, ...acks];
