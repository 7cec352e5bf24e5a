/** Changes to stage-2 tables and their end: each breaks a scenario of area arm64, or is shown to break nothing. */
import type { Mutant } from '../mutant.ts';

const SAFE = 'no table is walked that is gone';
const ALIVE = 'nothing is used that was freed';
const FREED = 'the guest uses no frame that was freed, and no table';
const AGE = 'arm64/age-after-free';
const LOOK = 'arm64/look-after-free';
const TWICE = 'arm64/tables-freed-twice';
const FAULTED = 'arm64/faulted-frame-used';
const UNMAPPED = 'arm64/unmapped-frame-used';
const BLOCK = 'arm64/block-and-page-in-one-tlb';

const IOCTLS = [
  'huge-fault',
  'fault',
  'access-fault',
  'vgic-mapping',
  'device-slot',
  'slot-deletion',
  'logging-start',
];
const NOTIFIERS = ['changed-pte', 'age', 'look', 'unmap'];

const seed004: readonly Mutant[] = [
  {
    name: 'arm64/nobody-looks-at-pgd',
    says: 'No callback looks at pgd, whichever of the two teardowns runs.',
    off: [
      'arm64.check_pgd_before_aging',
      'arm64.check_pgd_before_looking',
      'arm64.check_pgd_before_changing',
      'arm64.check_pgd_before_unmapping',
      'arm64.stop_at_freed_pgd',
    ],
    against: ['age', 'look', 'changed-pte', 'unmap'].flatMap((name) => [
      `arm64/${name}-after-free`,
      `arm64/${name}-after-close`,
    ]),
    expect: { caught: 'arm64/look-after-free', always: SAFE },
  },
  {
    name: 'arm64/before-the-fix',
    says: 'The code that the mail is about: aging walks from a pgd that the release notifier has cleared.',
    variant: 'before-arm64-aging-fix',
    against: [AGE, LOOK],
    expect: { caught: AGE, always: SAFE },
  },
  {
    name: 'arm64/aging-does-not-look-at-pgd',
    says: 'Only the callback that clears nothing looks at pgd: half of the fix.',
    off: ['arm64.check_pgd_before_aging'],
    against: [AGE],
    expect: { caught: AGE, always: SAFE },
  },
  {
    name: 'arm64/look-does-not-look-at-pgd',
    says: 'Only the callback that clears the flag looks at pgd: the other half.',
    off: ['arm64.check_pgd_before_looking'],
    against: [LOOK],
    expect: { caught: LOOK, always: SAFE },
  },
  {
    name: 'arm64/pgd-looked-at-before-lock',
    says: 'Aging looks at pgd before it has mmu_lock: it is cleared before the lock is there.',
    variant: 'arm64-pgd-checked-before-lock',
    against: [AGE],
    expect: { caught: AGE, always: SAFE },
  },
  {
    name: 'arm64/pgd-looked-at-in-the-helper',
    says: 'The other fix: stage2_get_pud() looks at pgd, and no caller does.',
    variant: 'arm64-pgd-checked-in-get-pud',
    off: [
      'arm64.check_pgd_before_aging',
      'arm64.check_pgd_before_looking',
      'arm64.check_pgd_before_changing',
    ],
    against: [AGE, LOOK, 'arm64/age-after-close', 'arm64/look-after-close', 'arm64/changed-pte-after-free'],
    expect: { equivalent: 'all of them hold mmu_lock from there on, and take a missing table for a hole' },
  },
  {
    name: 'arm64/changed-pte-without-pgd',
    says: 'A page changes its frame while the address space goes: the entry is looked for below a pgd that is gone.',
    off: ['arm64.check_pgd_before_changing'],
    against: ['arm64/changed-pte-after-free'],
    expect: { caught: 'arm64/changed-pte-after-free', always: SAFE },
  },
  {
    name: 'arm64/unmap-does-not-look-at-pgd-first',
    says: 'Unmapping does not look at pgd when it begins.',
    off: ['arm64.check_pgd_before_unmapping'],
    against: ['arm64/unmap-after-free', 'arm64/unmap-after-close'],
    expect: { equivalent: 'the walk looks at pgd before each of its entries, the first included' },
  },
];

const teardown: readonly Mutant[] = [
  {
    name: 'arm64/tables-freed-before-they-are-hidden',
    says: 'The tables are freed and pgd goes on pointing to them: whoever comes next walks there.',
    off: ['arm64.hide_before_free'],
    against: [AGE, LOOK, 'arm64/changed-pte-after-free', 'arm64/unmap-after-free'],
    expect: { caught: AGE, always: ALIVE },
  },
  {
    name: 'arm64/pgd-cleared-after-free',
    says: 'pgd is cleared after the tables are freed, outside of mmu_lock.',
    variant: 'arm64-pgd-cleared-after-free',
    against: [AGE],
    expect: { caught: AGE, always: ALIVE },
  },
  {
    name: 'arm64/pgd-not-looked-at-again',
    says: 'A walk goes on after it dropped mmu_lock, in tables that somebody else has freed meanwhile.',
    off: ['arm64.stop_at_freed_pgd'],
    against: [TWICE],
    expect: { caught: TWICE, always: ALIVE },
  },
  {
    name: 'arm64/tables-freed-without-lock',
    says: 'The release notifier frees the tables without mmu_lock, beside whoever walks them.',
    off: ['arm64.lock_free'],
    against: [TWICE],
    expect: { caught: TWICE, always: 'tables change under mmu_lock' },
  },
  {
    name: 'arm64/notifier-allocates',
    says: 'The notifier that changes a frame makes the tables that are missing: it sleeps under spinlocks.',
    variant: 'arm64-notifier-allocates',
    against: ['arm64/changed-pte-after-free'],
    expect: { caught: 'arm64/changed-pte-after-free', always: 'no notifier sleeps under a spinlock' },
  },
];

const later: readonly Mutant[] = [
  {
    name: 'arm64/tables-asked-for-once',
    says: 'A walk in chunks asks for the tables once, and goes on in them after they were destroyed.',
    variant: 'arm64-tables-asked-for-once',
    against: ['arm64/tables-destroyed-between-chunks'],
    expect: { caught: 'arm64/tables-destroyed-between-chunks', always: ALIVE },
  },
  {
    name: 'arm64/maps-under-read-lock',
    says: 'A vCPU with the lock for reading maps what it finds gone: two of them make tables at the same time.',
    variant: 'arm64-maps-under-read-lock',
    against: ['arm64/tables-made-twice'],
    expect: { caught: 'arm64/tables-made-twice', always: 'one vCPU at a time makes tables' },
  },
];

const entered: readonly Mutant[] = [
  {
    name: 'arm64/ioctl-does-not-hold-its-file',
    says: 'An ioctl does not keep the file that it came by: the last close ends the VM in the middle of it.',
    off: ['lifetime.hold_file'],
    against: IOCTLS.map((name) => `arm64/${name}-after-close`),
    expect: { caught: 'arm64/fault-after-close', always: ALIVE },
  },
  {
    name: 'arm64/other-address-space-let-in',
    says: 'A process that was given the file enters with an mm of its own: nothing of it keeps the mappings of the VM.',
    off: ['lifetime.check_mm'],
    against: IOCTLS.map((name) => `arm64/${name}-after-free`),
    expect: { caught: 'arm64/fault-after-free', always: SAFE },
  },
  {
    name: 'arm64/other-address-space-let-in-and-nobody-looks',
    says: 'The same, and walks over a range do not look at pgd either.',
    off: ['lifetime.check_mm', 'arm64.stop_at_freed_pgd', 'arm64.stop_protecting_at_freed_pgd'],
    against: ['arm64/slot-deletion-after-free', 'arm64/logging-start-after-free'],
    expect: { caught: 'arm64/slot-deletion-after-free', always: SAFE },
  },
  {
    name: 'arm64/first-task-ends-the-mm',
    says: 'exit_mmap() runs with the first task that ends: another one is inside KVM_RUN.',
    variant: 'lifetime-first-task-ends-the-mm',
    against: ['arm64/fault-after-free', 'arm64/huge-fault-after-free', 'arm64/access-fault-after-free'],
    expect: { caught: 'arm64/fault-after-free', always: SAFE },
  },
  {
    name: 'arm64/address-space-ends-in-silence',
    says: 'The mappings go, and no notifier is told: the tables stay, with frames that are freed.',
    off: ['lifetime.release_before_unmapping'],
    against: IOCTLS.map((name) => `arm64/${name}-after-free`),
    expect: {
      caught: 'arm64/fault-after-free',
      always: 'the tables are freed with the address space',
    },
  },
  {
    name: 'arm64/callbacks-not-waited-for',
    says: 'The VM is freed while a callback runs in it.',
    off: ['lifetime.wait_for_callbacks'],
    against: NOTIFIERS.map((name) => `arm64/${name}-after-close`),
    expect: { caught: 'arm64/age-after-close', always: ALIVE },
  },
  {
    name: 'arm64/callbacks-not-waited-for-at-exit',
    says: 'exit_mmap() does not wait for callbacks under way before it frees the pages.',
    off: ['lifetime.wait_for_callbacks_at_exit'],
    against: [AGE, LOOK, 'arm64/unmap-after-free'],
    expect: {
      equivalent: 'a callback holds the page-table lock of its page, or a reference, until it is over',
    },
  },
  {
    name: 'arm64/protecting-does-not-look-at-pgd-again',
    says: 'The walk that write-protects does not look at pgd after it dropped mmu_lock.',
    off: ['arm64.stop_protecting_at_freed_pgd'],
    against: ['arm64/logging-start-after-free', 'arm64/logging-start-after-close'],
    expect: { equivalent: 'only ioctls write-protect: while one is under way neither teardown can begin' },
  },
];

const guest: readonly Mutant[] = [
  {
    name: 'arm64/made-before-broken',
    says: 'An entry goes from one frame to another at once: a TLB keeps the frame that is freed next.',
    off: ['arm64.break_before_make'],
    against: ['arm64/old-frame-used'],
    expect: { caught: 'arm64/old-frame-used', always: FREED },
  },
  {
    name: 'arm64/block-dissolved-without-flush',
    says: 'A block is replaced by pages while a TLB has it: the CPU finds two answers.',
    off: ['arm64.flush_dissolved'],
    against: [BLOCK],
    expect: { caught: BLOCK, always: 'no TLB has two answers' },
  },
  {
    name: 'arm64/block-taken-for-a-table',
    says: 'A page is to be mapped where a block is: the block is taken for a table of ptes.',
    off: ['arm64.dissolve_block'],
    against: [BLOCK],
    expect: { caught: BLOCK, always: 'no TLB has two answers' },
  },
  {
    name: 'arm64/fault-does-not-retry',
    says: 'A fault maps a frame that it found before the host took it away.',
    off: ['arm64.retry_if_invalidated'],
    against: [FAULTED],
    expect: { caught: FAULTED, always: FREED },
  },
  {
    name: 'arm64/invalidation-not-counted',
    says: 'A fault that begins after the entry is gone and before the page is finds nothing to wait for.',
    off: ['arm64.count_invalidation'],
    against: [FAULTED],
    expect: { caught: FAULTED, always: FREED },
  },
  {
    name: 'arm64/sequence-not-raised',
    says: 'A fault that found its frame before the invalidation does not notice that there was one.',
    off: ['arm64.bump_notifier_seq'],
    against: [FAULTED],
    expect: { caught: FAULTED, always: FREED },
  },
  {
    name: 'arm64/unmapped-without-flush',
    says: 'An entry is cleared, and TLBs keep it: the guest writes to a frame that was freed.',
    off: ['arm64.flush_unmapped'],
    against: [UNMAPPED],
    expect: { caught: UNMAPPED, always: FREED },
  },
  {
    name: 'arm64/table-freed-under-a-walk',
    says: 'A table is freed while the hardware of a CPU stands in it.',
    off: ['arm64.flush_before_free'],
    against: [FAULTED],
    expect: { caught: FAULTED, always: ALIVE },
  },
  {
    name: 'arm64/table-published-early',
    says: 'A table is found before what is in it is there.',
    off: ['arm64.publish_table'],
    against: [BLOCK],
    expect: { caught: BLOCK, always: 'a table is complete before it is found' },
  },
  {
    name: 'arm64/sequence-read-late',
    says: 'The frame is looked up before the sequence is read.',
    off: ['arm64.order_seq_before_gup'],
    against: [FAULTED],
    expect: { elsewhere: 'reads pass each other on arm64, and neither of the memory models here lets them' },
  },
  {
    name: 'arm64/log-without-flush',
    says: 'The dirty log is returned while TLBs still let the guest write: such a write is in no log.',
    off: ['arm64.flush_log'],
    against: ['arm64/write-not-logged'],
    expect: {
      caught: 'arm64/write-not-logged',
      always: 'what was copied is what is there, or the next log says so',
    },
  },
  {
    name: 'arm64/logging-starts-without-flush',
    says: 'The same where logging starts.',
    off: ['arm64.flush_protected'],
    against: ['arm64/write-missed-as-logging-starts'],
    expect: {
      caught: 'arm64/write-missed-as-logging-starts',
      always: 'what was copied is what is there, or the log says so',
    },
  },
  {
    name: 'arm64/flag-cleared-by-plain-store',
    says: 'Aging clears the access flag by a load and a store: what the hardware sets in between is lost.',
    off: ['arm64.clear_young'],
    against: ['arm64/use-unnoticed'],
    expect: {
      caught: 'arm64/use-unnoticed',
      always: 'a use is seen by the look, or is there for the next',
    },
  },
  {
    name: 'arm64/slots-not-waited-for',
    says: 'Slots are replaced and freed while a fault goes by them.',
    off: ['arm64.wait_for_faults'],
    against: ['arm64/write-missed-as-logging-starts'],
    expect: { caught: 'arm64/write-missed-as-logging-starts', always: ALIVE },
  },
  {
    name: 'arm64/aged-without-flush',
    says: 'The flag is cleared, and a TLB that has the page sets it no more.',
    off: ['arm64.flush_aged'],
    against: ['arm64/use-through-tlb-unnoticed'],
    expect: { caught: 'arm64/use-through-tlb-unnoticed', always: 'a page that was used since is young' },
  },
];

const alone: readonly Mutant[] = [
  {
    name: 'arm64/access-fault-without-mmu-lock',
    says: 'An access fault walks the tables without mmu_lock: the host empties one and frees it.',
    off: ['arm64.access_fault_holds_mmu_lock'],
    against: ['arm64/access-fault-in-a-freed-table'],
    expect: { caught: 'arm64/access-fault-in-a-freed-table', always: SAFE },
  },
  {
    name: 'arm64/harvest-without-mmu-lock',
    says: 'A harvest protects pages without mmu_lock: the host empties a table on the way and frees it.',
    off: ['arm64.harvest_holds_mmu_lock'],
    against: ['arm64/harvest-in-a-freed-table'],
    expect: { caught: 'arm64/harvest-in-a-freed-table', always: SAFE },
  },
  {
    name: 'arm64/harvest-without-slots-lock',
    says: 'A harvest looks its slot up without slots_lock: the array is replaced and freed.',
    off: ['arm64.harvest_holds_slots_lock'],
    against: ['arm64/harvest-in-replaced-slots'],
    expect: { caught: 'arm64/harvest-in-replaced-slots', always: 'no array is used that was replaced' },
  },
  {
    name: 'arm64/slots-replaced-without-slots-lock',
    says: 'Slots are copied and replaced without slots_lock: an array is freed that another ioctl is copying.',
    off: ['arm64.replace_slots_alone'],
    against: ['arm64/slot-forgotten'],
    expect: { caught: 'arm64/slot-forgotten', always: 'no array is used that was replaced' },
  },
];

export const arm64Mutants: readonly Mutant[] = [
  ...seed004,
  ...teardown,
  ...entered,
  ...guest,
  ...later,
  ...alone,
];
