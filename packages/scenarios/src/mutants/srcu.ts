/** Changes to the real algorithm of SRCU. */
import type { Mutant } from '../mutant.ts';

export const srcuMutants: readonly Mutant[] = [
  {
    name: 'srcu/inactive-side-not-drained',
    says: 'A grace period scans only the side that it turns away from: a reader that was counted late is missed.',
    off: ['srcu.drain_inactive_index'],
    expect: { caught: 'srcu/late-reader-missed', always: 'no reader touches a freed version' },
  },
  {
    name: 'srcu/active-side-not-drained',
    says: 'A grace period ends right after its flip, with readers still on the side from before.',
    off: ['srcu.drain_active_index'],
    expect: { caught: 'srcu/freed-under-a-reader', always: 'no reader touches a freed version' },
  },
  {
    name: 'srcu/active-side-not-drained-for-the-outer-section',
    says: 'The same, with a section nested in the one that is not waited for.',
    off: ['srcu.drain_active_index'],
    expect: { caught: 'srcu/nested-section-ends-the-outer', always: 'the outer section is waited for' },
  },
  {
    name: 'srcu/active-side-not-drained-for-any-client',
    says: 'The same, seen by what sections and updaters write and read.',
    off: ['srcu.drain_active_index'],
    expect: {
      caught: 'srcu/real-shows-more-than-abstract',
      always: 'a section that began before the update is over before the update is',
    },
  },
  {
    name: 'srcu/active-side-not-drained-between-updaters',
    says: 'The same, with another grace period under way.',
    off: ['srcu.drain_active_index'],
    expect: {
      caught: 'srcu/real-shows-more-than-abstract-updaters',
      always: 'a section that began before the update is over before the update is',
    },
  },
  {
    name: 'srcu/active-side-not-drained-among-four',
    says: 'The same, with two sections and two grace periods.',
    off: ['srcu.drain_active_index'],
    expect: {
      caught: 'srcu/real-shows-more-than-abstract-four',
      always: 'a section that began before the update is over before the update is',
    },
  },
  {
    name: 'srcu/index-not-flipped',
    says: 'Without the flip both scans look at the same side, and readers on the other are not waited for.',
    off: ['srcu.flip_index'],
    expect: { caught: 'srcu/freed-under-a-reader', always: 'no reader touches a freed version' },
  },
  {
    name: 'srcu/both-sides-drained-without-a-flip',
    says: 'A grace period drains both sides where they are: it may starve under a steady stream of readers.',
    variant: 'srcu-no-flip',
    against: [
      'srcu/freed-under-a-reader',
      'srcu/late-reader-missed',
      'srcu/reader-cancelled-in-the-sums',
      'srcu/overlapping-grace-periods',
      'srcu/real-shows-more-than-abstract-updaters',
    ],
    expect: {
      equivalent: 'the flip keeps new readers from holding a grace period up; the two scans make it safe',
    },
  },
  {
    name: 'srcu/locks-summed-first',
    says: 'A scan sums the sections that began before those that ended: one in between cancels another.',
    variant: 'srcu-locks-summed-first',
    expect: { caught: 'srcu/reader-cancelled-in-the-sums', always: 'no reader touches a freed version' },
  },
  {
    name: 'srcu/unlock-asks-for-the-index-again',
    says: 'The end of a section is counted on the side that is active by then: its own side never drains.',
    variant: 'srcu-unlock-rereads-index',
    expect: {
      caught: 'srcu/nested-section-ends-the-outer',
      always: 'no section is waited for after its end',
    },
  },
  {
    name: 'srcu/unlock-asks-for-the-index-again-unnested',
    says: 'The same for a section that stands alone, with a flip before its end.',
    variant: 'srcu-unlock-rereads-index',
    expect: { caught: 'srcu/freed-under-a-reader', always: 'a grace period comes to its end' },
  },
  {
    name: 'srcu/grace-periods-overlap',
    says: 'Two grace periods at once flip the index under each other, and one scans the same side twice.',
    off: ['srcu.serialize_grace_periods'],
    expect: { caught: 'srcu/overlapping-grace-periods', always: 'no reader touches a freed version' },
  },
  {
    name: 'srcu/no-barrier-after-the-flip',
    says: 'The barrier after the flip is left out.',
    off: ['srcu.barrier_after_flip'],
    expect: { equivalent: 'it bounds how many late readers can still use the old side, and no more' },
  },
  {
    name: 'srcu/no-barrier-between-the-sums',
    says: 'The barrier between the two sums of a scan is left out.',
    off: ['srcu.scan_barrier_between_sums'],
    expect: { equivalent: 'loads are not reordered, neither here nor on x86; a weaker machine needs it' },
  },
  {
    name: 'srcu/no-barrier-between-the-sums-on-x86',
    says: 'The same with store buffers.',
    off: ['srcu.scan_barrier_between_sums'],
    model: 'tso',
    expect: { equivalent: 'x86 does not reorder loads; a weaker machine needs it' },
  },
  {
    name: 'srcu/no-barrier-after-the-flip-on-x86',
    says: 'The barrier after the flip is left out, with store buffers.',
    off: ['srcu.barrier_after_flip'],
    model: 'tso',
    expect: { equivalent: 'it bounds how many late readers can still use the old side, and no more' },
  },
  {
    name: 'srcu/no-barrier-after-the-count',
    says: 'An access of the section may move above the count that says that it has begun.',
    off: ['srcu.reader_barrier_after_count'],
    model: 'tso',
    expect: { caught: 'srcu/freed-under-a-reader', always: 'no reader touches a freed version' },
  },
  {
    name: 'srcu/no-barrier-before-the-count',
    says: 'An access of the section may move below the count that says that it is over.',
    off: ['srcu.reader_barrier_before_count'],
    expect: { caught: 'srcu/freed-under-a-reader', always: 'no reader touches a freed version' },
  },
  {
    name: 'srcu/rcu-readers-not-waited-for',
    says: 'The grace period of RCU looks at the readers and does not wait for those inside.',
    off: ['srcu.wait_for_rcu_readers'],
    against: ['srcu/freed-under-an-rcu-reader'],
    expect: { caught: 'srcu/freed-under-an-rcu-reader', always: 'no reader touches a freed item' },
  },
];
