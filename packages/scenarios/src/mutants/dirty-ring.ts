import { caughtIn, type Mutant } from '../mutant.ts';

const RESET = 'dirty/write-after-ring-reset';
const TORN = 'dirty/ring-entry-torn';
const HARVESTED = 'a page that differs from its copy is in the next harvest';
const IN_RING = 'a page that differs from its copy is in the ring';
const OWNED = 'nobody touches an entry that is not his';

/** A mutant that the `always` of one scenario catches. */
const caught = caughtIn('dirty');

/** Changes to the dirty ring: its two sides, its entries, and what a reset arms. */
export const dirtyRingMutants: readonly Mutant[] = [
  caught(
    'ring-enabled-without-kvm-lock',
    'Rings are enabled without kvm->lock: a vCPU that is being made may get none.',
    'dirty/ring-enabled-beside-a-new-vcpu',
    'the size of rings is decided under kvm->lock',
    { off: ['dirty.enable_ring_alone'] },
  ),
  caught(
    'ring-reset-without-flush',
    'KVM_RESET_DIRTY_RINGS returns before TLBs are flushed: a writable translation lets writes through unnamed.',
    RESET,
    IN_RING,
    { off: ['dirty.flush_after_reset'] },
  ),
  caught('ring-reset-not-armed', 'Entries are reset and their pages stay writable.', RESET, IN_RING, {
    off: ['dirty.rearm_reset_pages'],
  }),
  caught(
    'fast-path-does-not-push',
    'The fast path makes a page writable and pushes no entry.',
    RESET,
    IN_RING,
    { off: ['mmu.mark_dirty_after_cmpxchg'] },
  ),
  {
    name: 'dirty/ring-entry-released-after-arming',
    says: 'Pages are armed before their entries are given back, not after: the ioctl returns after both.',
    variant: 'dirty-ring-released-after-arming',
    against: [RESET, 'dirty/copied-before-ring-reset', 'dirty/ring-overrun'],
    expect: { equivalent: 'user space copies only when the ioctl has returned, and by then both are done' },
  },
  caught(
    'ring-never-full',
    'A vCPU goes on with a full ring.',
    'dirty/ring-overrun',
    'no entry is overwritten',
    { off: ['io.leave_when_ring_is_full'] },
  ),
  caught(
    'written-by-a-worker',
    'Guest memory is written on behalf of no vCPU, as by a worker thread: nobody logs it.',
    'dirty/emulated-write-missed',
    HARVESTED,
    { variant: 'dirty-written-by-a-worker' },
  ),
  ...entries(),
];

/** Each order between the one who fills an entry and the one who takes it. */
function entries(): Mutant[] {
  return [
    caught('ring-flags-without-barrier', 'The flags of an entry may be seen before the entry.', TORN, OWNED, {
      off: ['dirty.order_entry_before_flags'],
    }),
    caught('ring-flags-read-plainly', 'User space reads the flags without acquire.', TORN, OWNED, {
      off: ['dirty.load_dirty_flag'],
    }),
    caught(
      'ring-entry-handed-back-plainly',
      'User space gives an entry back without release: its copy may come after.',
      TORN,
      OWNED,
      { off: ['dirty.hand_entry_back'] },
    ),
    caught('ring-reset-flag-read-plainly', 'The kernel reads the reset flag without acquire.', TORN, OWNED, {
      off: ['dirty.load_reset_flag'],
    }),
    caught(
      'ring-index-read-plainly',
      'The vCPU reads how far the ring was reset without order: it may write an entry that is still read.',
      TORN,
      OWNED,
      { off: ['dirty.read_reset_index'] },
    ),
    caught(
      'ring-index-published-plainly',
      'The index of resets moves without order: the vCPU may write an entry that is still read.',
      TORN,
      OWNED,
      { off: ['dirty.publish_reset_index'] },
    ),
    {
      name: 'dirty/ring-entry-freed-plainly',
      says: 'The flags of an entry are zeroed without release.',
      off: ['dirty.release_entry'],
      against: [TORN, RESET],
      expect: {
        equivalent:
          'the index that moves after it is what the vCPU looks at, and is a release here; user space waits for DIRTY',
      },
    },
  ];
}
