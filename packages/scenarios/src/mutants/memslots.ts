import type { Mutant } from '../mutant.ts';

const AFTER_RETURN = 'an access that starts after the ioctl returned goes to RAM';
const AFTER_VISIBLE = 'an access that starts after the new slots are visible goes to RAM';
const NO_FREED_SLOT = 'no reader touches a freed slot';

/** Changes to memory slots and their generation. */
export const memslotsMutants: readonly Mutant[] = [
  {
    name: 'memslots/code-before-the-fix',
    says: 'One increment, made with the change: a decision from the old slots carries the generation that stays.',
    variant: 'before-ee3d1570b586',
    against: ['memslots/stale-mmio-decision'],
    expect: { caught: 'memslots/stale-mmio-decision', always: AFTER_RETURN },
  },
  {
    name: 'memslots/no-second-bump-vcpu-cache',
    says: 'Without the second bump (2014, 1 update from an even start) the vCPU cache keeps the stale decision.',
    off: ['memslots.second_generation_bump'],
    against: ['memslots/stale-mmio-decision'],
    expect: { caught: 'memslots/stale-mmio-decision', always: AFTER_RETURN },
  },
  {
    name: 'memslots/no-second-bump-spte-two-updates',
    says: 'Without the second bump (2014, SPTE alone) a second update makes the odd generation even, and the stale entry fits.',
    off: ['memslots.second_generation_bump'],
    against: ['memslots/stale-mmio-decision-in-spte'],
    expect: { caught: 'memslots/stale-mmio-decision-in-spte', always: AFTER_RETURN },
  },
  {
    name: 'memslots/no-second-bump-odd-start',
    says: 'Without the second bump the next update begins with an odd generation: the parity warning fires.',
    off: ['memslots.second_generation_bump'],
    against: ['memslots/stale-mmio-decision-in-spte'],
    expect: {
      caught: 'memslots/stale-mmio-decision-in-spte',
      always: 'no update begins with an odd generation',
    },
  },
  {
    name: 'memslots/no-second-bump-modern',
    says: 'Without the second bump (today) the mark stays: nothing is cached until the next update, and nothing is wrong.',
    off: ['memslots.second_generation_bump'],
    against: ['memslots/stale-mmio-decision-modern'],
    expect: {
      covered: 'memslots/stale-mmio-decision-modern',
      with: ['mmio.refuse_transient_generation', 'mmio.distrust_transient_generation'],
      always: AFTER_RETURN,
    },
  },
  {
    name: 'memslots/bump-before-grace-period',
    says: 'The second bump before the grace period: an exit of the old slots can still tag with the final value.',
    variant: 'memslots-bump-before-grace-period',
    against: ['memslots/stale-mmio-decision', 'memslots/stale-mmio-decision-modern'],
    expect: { caught: 'memslots/stale-mmio-decision', always: AFTER_RETURN },
  },
  {
    name: 'memslots/no-transient-mark',
    says: 'Without the first bump (2014) an MMIO SPTE from before answers while the new slots are visible already.',
    off: ['memslots.mark_generation_transient'],
    against: ['mmio/old-spte-after-publish'],
    expect: { caught: 'mmio/old-spte-after-publish', always: AFTER_VISIBLE },
  },
  {
    name: 'memslots/no-transient-mark-is-enough-for-user-space',
    says: 'Without the first bump every access after the ioctl still goes to RAM: the seed says it is not strictly necessary.',
    off: ['memslots.mark_generation_transient'],
    against: ['memslots/stale-mmio-decision'],
    expect: {
      equivalent:
        'the bump after the grace period alone makes every stale tag invalid before the ioctl returns',
    },
  },
  {
    name: 'memslots/no-grace-period',
    says: 'Without the grace period a slot, or a whole array, is freed under a reader.',
    off: ['memslots.wait_for_readers'],
    against: [
      'memslots/deleted-slot-still-used',
      'memslots/stale-mmio-decision',
      'memslots/dirty-bit-in-freed-bitmap',
    ],
    expect: { caught: 'memslots/deleted-slot-still-used', always: NO_FREED_SLOT },
  },
  {
    name: 'memslots/no-grace-period-flat',
    says: 'Without the grace period the old array of 2014 is freed while an exit searches it.',
    off: ['memslots.wait_for_readers'],
    against: ['memslots/stale-mmio-decision'],
    expect: {
      caught: 'memslots/stale-mmio-decision',
      always: 'no reader touches a freed memslots array',
    },
  },
  {
    name: 'memslots/published-without-release',
    says: 'A plain store instead of rcu_assign_pointer(): a reader may see the set before what is in it.',
    off: ['memslots.publish_slots'],
    against: ['memslots/stale-mmio-decision-modern', 'memslots/deleted-slot-still-used'],
    expect: { caught: 'memslots/stale-mmio-decision-modern', always: 'no set is edited under a reader' },
  },
  {
    name: 'memslots/no-wait-for-invalidations',
    says: 'The set is swapped between the halves of an invalidation: its end does not uncount what its start counted.',
    off: ['memslots.wait_for_invalidations'],
    against: ['memslots/invalidate-end-finds-no-slot'],
    expect: {
      caught: 'memslots/invalidate-end-finds-no-slot',
      always: 'what the start counted, the end uncounts',
    },
  },
  {
    name: 'memslots/published-outside-invalidate-lock',
    says: 'A start slips in between the check of the count and the publication.',
    variant: 'memslots-publish-outside-invalidate-lock',
    against: ['memslots/invalidate-end-finds-no-slot'],
    expect: {
      caught: 'memslots/invalidate-end-finds-no-slot',
      always: 'what the start counted, the end uncounts',
    },
  },
  ...(['slots-lock', 'slots-arch-lock'] as const).map(
    (lock): Mutant => ({
      name: `memslots/notifier-takes-${lock}`,
      says: `The end of an invalidation takes ${lock.replaceAll('-', '_')}, which an update holds while it waits for that end.`,
      variant: `notifier-takes-${lock}`,
      against: ['memslots/notifier-meets-an-update'],
      expect: {
        caught: 'memslots/notifier-meets-an-update',
        always: 'the update and the invalidation both end',
      },
    }),
  ),
  {
    name: 'memslots/invalidation-counted-without-atomic',
    says: 'The count of invalidations is changed by a load and a store: mn_invalidate_lock is held around both.',
    off: ['notifier.count_invalidation'],
    against: ['memslots/invalidate-end-finds-no-slot'],
    expect: { equivalent: 'every writer of the count holds kvm->mn_invalidate_lock' },
  },
  {
    name: 'memslots/zap-before-publish',
    says: 'No INVALID phase, zap first: a fault between the zap and the publication maps the slot again, for ever.',
    variant: 'memslots-zap-before-publish',
    against: ['memslots/mapping-left-after-delete'],
    expect: {
      caught: 'memslots/mapping-left-after-delete',
      always: 'no access that starts after the deletion returned reaches the memory',
    },
  },
  {
    name: 'memslots/no-zap',
    says: 'The INVALID phase without its zap: translations of the slot survive it.',
    off: ['memslots.zap_invalid_slot'],
    against: ['memslots/mapping-left-after-delete', 'memslots/moved-page-taken-for-mmio'],
    expect: {
      caught: 'memslots/mapping-left-after-delete',
      always: 'no access that starts after the deletion returned reaches the memory',
    },
  },
  {
    name: 'memslots/no-zap-on-move',
    says: 'A move without the zap leaves the old page mapped.',
    off: ['memslots.zap_invalid_slot'],
    against: ['memslots/moved-page-taken-for-mmio'],
    expect: {
      caught: 'memslots/moved-page-taken-for-mmio',
      always: 'an access that starts after the move reads the page that is there now',
    },
  },
  {
    name: 'memslots/publish-then-zap',
    says: 'The set without the slot is published first and zapped afterwards: zaps and notifiers can no longer find the slot.',
    expect: {
      elsewhere: 'needs reverse maps and notifiers that find pages through the slot (the page-fault path)',
    },
  },
  {
    name: 'memslots/rmap-of-invalid-slot-lost',
    says: 'What a vCPU allocates for the INVALID copy during the zap is not carried over to the slot that stays.',
    expect: {
      elsewhere:
        'the reverse maps of the model belong to the VM; those of slots, which area locks has, are allocated and never filled by a fault',
    },
  },
  {
    name: 'memslots/protect-before-flags',
    says: 'Turning logging on: pages are write-protected before the new flags are published, and a write in between is lost.',
    variant: 'dirty-protected-before-published',
    against: ['dirty/write-missed-when-logging-starts'],
    expect: {
      caught: 'dirty/write-missed-when-logging-starts',
      always: 'a page that differs from its copy is in the next harvest',
    },
  },
  {
    name: 'memslots/dirty-bit-from-worker',
    says: 'A write from a worker thread is not logged, because no vCPU is running on its CPU.',
    expect: { elsewhere: 'needs irqfd and per-CPU running vCPUs' },
  },
  {
    name: 'memslots/slot-cache-without-generation',
    says: 'A vCPU keeps the slot it found last across an update: it points to freed memory.',
    off: ['memslots.forget_slot_of_old_generation'],
    against: ['memslots/deleted-slot-still-used'],
    expect: { caught: 'memslots/deleted-slot-still-used', always: NO_FREED_SLOT },
  },
  {
    name: 'memslots/stale-hint-kept',
    says: 'The hint of a set names a slot that has left it.',
    off: ['memslots.drop_stale_hint'],
    against: ['memslots/deleted-slot-still-used'],
    expect: { caught: 'memslots/deleted-slot-still-used', always: NO_FREED_SLOT },
  },
  {
    name: 'memslots/bitmap-freed-early',
    says: 'The dirty bitmap is freed before the grace period: a bit is set in freed memory.',
    variant: 'memslots-bitmap-freed-early',
    against: ['memslots/dirty-bit-in-freed-bitmap'],
    expect: { caught: 'memslots/dirty-bit-in-freed-bitmap', always: 'no bit is set in a freed bitmap' },
  },
  {
    name: 'memslots/foreign-mm-accepted',
    says: 'A forked child may change the slots: they name memory that no notifier of the VM watches.',
    off: ['memslots.refuse_foreign_mm'],
    against: ['memslots/ioctl-of-another-process'],
    expect: { caught: 'memslots/ioctl-of-another-process', always: 'the child gets -EIO' },
  },
  {
    name: 'memslots/odd-bias',
    says: 'A bias that is odd turns the parity of the MMIO generation around: entries made during an update hit.',
    variant: 'memslots-odd-bias',
    against: ['mmio/transient-spte-hits'],
    expect: {
      caught: 'mmio/transient-spte-hits',
      always: 'an entry made while the low bit is 1 never hits',
    },
  },
  {
    name: 'memslots/generation-before-zap',
    says: 'The wrapped generation is visible before the zap: an entry of long ago answers in between.',
    variant: 'memslots-generation-before-zap',
    against: ['mmio/ancient-spte-after-wrap'],
    expect: {
      caught: 'mmio/ancient-spte-after-wrap',
      always: 'an access that starts after the new generation is visible goes to RAM',
    },
  },
  {
    name: 'memslots/edit-not-repeated',
    says: 'The edit is not repeated in the set that was active: the next update publishes a set that lacks a slot.',
    off: ['memslots.repeat_edit_in_other_set'],
    against: ['mmio/dummy-slot-churn'],
    expect: { caught: 'mmio/dummy-slot-churn', always: 'the memory is always RAM' },
  },
  {
    name: 'memslots/error-path-loses-slot',
    says: 'A move that fails half way takes the slot away for good.',
    variant: 'memslots-error-path-loses-slot',
    against: ['memslots/failed-update-loses-slot'],
    expect: {
      caught: 'memslots/failed-update-loses-slot',
      always: 'the frame in both places is RAM whether the move succeeds or fails',
    },
  },
  {
    name: 'memslots/no-wait-for-invalidations-on-creation',
    says: 'A slot appears between the halves of an invalidation: its end uncounts what no start counted.',
    off: ['memslots.wait_for_invalidations'],
    against: ['memslots/invalidate-end-finds-new-slot'],
    expect: { caught: 'memslots/invalidate-end-finds-new-slot', always: 'the count never goes negative' },
  },
];
