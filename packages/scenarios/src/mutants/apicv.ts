import { caughtIn, type Mutant } from '../mutant.ts';

const IN_APIC = 'what the guest writes to its APIC is in the APIC';
const UNTOUCHED = 'the page behind the APIC stays as it is';
const RUNS_ON = 'no guest runs on without an interrupt that it was sent';
const IN_GUEST = 'no guest runs with APICv on when the VM has it off';

/** A mutant that the `always` of one scenario catches. */
const caught = caughtIn('apicv');

/** Changes to APIC virtualization: turning it off and on, faults on the APIC, its page, its interrupts. */
export const apicvMutants: readonly Mutant[] = [
  ...zaps(),
  ...updates(),
  ...faults(),
  ...accessPage(),
  ...interrupts(),
  ...pairs(),
];

function zaps(): Mutant[] {
  return [
    caught(
      'zap-without-invalidation',
      'The zap neither counts as an invalidation nor raises the sequence: a fault that was judged before installs its entry after it.',
      'stale-vm-state',
      UNTOUCHED,
      { variant: 'apicv-zap-without-invalidation' },
    ),
    caught(
      'sequence-not-raised',
      "The zap of the APIC's entry leaves the sequence of invalidations as it is.",
      'stale-vm-state',
      IN_APIC,
      { off: ['notifier.bump_invalidate_seq'] },
    ),
    caught(
      'nothing-zapped',
      'APICv goes off and the entry stays: the guest writes to what it names.',
      'inhibit-unnoticed',
      'what the guest writes to its APIC is in the APIC',
      { off: ['apicv.zap_apic_page'] },
    ),
    caught(
      'zap-not-flushed',
      'The entry is zapped, and TLBs remember it.',
      'inhibit-unnoticed',
      'what the guest writes to its APIC is in the APIC',
      { off: ['apicv.flush_zapped_range'] },
    ),
  ];
}

function updates(): Mutant[] {
  return [
    caught(
      'update-not-requested',
      'The reasons change and nobody is told: a guest runs on as before.',
      'inhibit-unnoticed',
      IN_GUEST,
      { off: ['apicv.request_update_first'] },
    ),
    caught(
      'requested-after-zap',
      'vCPUs are asked when the zap is over: a fault in between sees no request, and brings the entry back.',
      'stale-vcpu-state-unless-asked',
      UNTOUCHED,
      { variant: 'apicv-request-after-zap' },
    ),
    caught(
      'served-without-lock',
      'A vCPU serves the request at once: it reads the old reasons, and goes on with APICv for ever.',
      'inhibit-unnoticed',
      IN_GUEST,
      { variant: 'apicv-served-without-lock' },
    ),
    caught(
      'update-does-not-wait',
      'The reasons change while vCPUs are still on their way out of their guests.',
      'inhibit-unnoticed-unmapped',
      IN_GUEST,
      { variant: 'apicv-update-does-not-wait' },
    ),
    caught(
      'hardware-not-told',
      'A vCPU notes that its APICv is off, and leaves the controls of its hardware as they are.',
      'inhibit-unnoticed-unmapped',
      IN_GUEST,
      { off: ['apicv.refresh_exec_controls'] },
    ),
    caught(
      'grace-period-under-lock',
      'A grace period passes under apicv_update_lock, which a vCPU wants inside its read section.',
      'inhibit-unnoticed',
      'the update comes to an end',
      { variant: 'apicv-grace-period-under-lock' },
    ),
    caught(
      'reasons-before-request',
      'APICv comes back for the VM before vCPUs are asked: one that still has it off installs the entry, and enters its guest with it.',
      'early-vm-state',
      UNTOUCHED,
      { variant: 'apicv-reasons-before-request' },
    ),
    {
      name: 'apicv/reasons-before-request-turning-off',
      says: 'The same as APICv goes off: the request still waits until all vCPUs are out of their guests.',
      variant: 'apicv-reasons-before-request',
      against: [
        'apicv/stale-vm-state',
        'apicv/inhibit-unnoticed',
        'apicv/inhibit-unnoticed-unmapped',
        'apicv/eoi-twice',
        'apicv/interrupt-lost',
      ],
      expect: {
        equivalent:
          'a guest may run in the old state for a moment longer, but not when the update is over; only a look on entry would see it',
      },
    },
  ];
}

function faults(): Mutant[] {
  return [
    caught(
      'fault-not-judged',
      'A fault on the APIC installs the entry whether APICv is on or off.',
      'stale-vm-state',
      UNTOUCHED,
      { off: ['apicv.emulate_when_off'] },
    ),
    caught(
      'judged-before-sequence',
      'A fault is judged before it reads the sequence: a whole update fits in between.',
      'stale-vm-state',
      UNTOUCHED,
      { variant: 'apicv-judged-before-sequence' },
    ),
    caught(
      'request-not-looked-for',
      "A fault goes by the vCPU's state alone: one that begins after the zap brings the entry back.",
      'stale-vcpu-state-unless-asked',
      UNTOUCHED,
      { off: ['apicv.emulate_when_asked'] },
    ),
    caught(
      'request-looked-for-without-sequence',
      'A fault looks for a pending update, and the zap does not raise the sequence: asked after the look, it is zapped before the entry is there.',
      'stale-vcpu-state-unless-asked',
      UNTOUCHED,
      { off: ['notifier.bump_invalidate_seq'] },
    ),
    {
      name: 'apicv/pending-request-checked',
      says: "A fault that goes by the VM's state looks for a pending update as well, and is emulated if there is one.",
      variant: 'apicv-pending-request-checked',
      expect: {
        equivalent: 'emulation is right in either state, and what the check misses the sequence tells',
      },
    },
    caught(
      'emulation-remembered',
      'A fault that is emulated because APICv is off is remembered as MMIO: nothing makes the vCPU forget it when APICv comes back.',
      'never-accelerated-again',
      'an access that begins when APICv is back goes to the hardware',
      { variant: 'apicv-emulation-remembered' },
    ),
    caught(
      'emulator-writes-memory',
      'The emulator stores to the slot of the frame, as if it were memory.',
      'stale-vm-state',
      UNTOUCHED,
      { variant: 'apicv-emulator-writes-memory' },
    ),
  ];
}

function accessPage(): Mutant[] {
  const MOVED = 'no frame is written';
  return [
    caught(
      'page-reload-not-requested',
      'vCPUs are not told that the access page moves.',
      'access-page-migrated',
      MOVED,
      { off: ['apicv.request_page_reload'] },
    ),
    caught(
      'page-reload-not-retried',
      'The frame that a vCPU is told is not looked at again: the host has taken it away meanwhile.',
      'access-page-migrated',
      MOVED,
      { off: ['apicv.retry_stale_page'] },
    ),
    caught(
      'page-reload-not-requested-by-hook',
      'The same with the hook of 6.1: it tells nobody.',
      'access-page-migrated-by-hook',
      MOVED,
      { off: ['apicv.request_page_reload_by_hook'] },
    ),
    caught(
      'page-reload-requested-at-start',
      'With the hook of 6.1, which never looks again, vCPUs are told before the host has let go of the page.',
      'access-page-migrated-by-hook',
      MOVED,
      { variant: 'apicv-reload-requested-at-start' },
    ),
    {
      name: 'apicv/page-asked-for-before-sequence',
      says: 'Reloading the access page: the read of the sequence moves below the question to the host.',
      off: ['apicv.order_seq_before_page'],
      model: 'tso',
      against: ['apicv/access-page-migrated'],
      expect: { equivalent: 'x86 does not reorder loads; a weaker machine needs it' },
    },
  ];
}

function interrupts(): Mutant[] {
  return [
    caught(
      'trap-ends-another',
      'The trap after an end of interrupt ends one more.',
      'eoi-twice',
      'one vector is ended, the higher one',
      { variant: 'apicv-trap-ends-another' },
    ),
    caught(
      'no-event-when-off',
      'A vCPU whose APICv goes off does not look at what its APIC has accepted already.',
      'interrupt-lost',
      RUNS_ON,
      { off: ['apicv.request_event_when_off'] },
    ),
    caught(
      'posted-not-taken-when-off',
      'A vCPU whose APICv is off does not look at its posted interrupts: one was sent by somebody who had seen it on.',
      'interrupt-lost',
      RUNS_ON,
      { variant: 'apicv-posted-not-taken-when-off' },
    ),
    caught(
      'hint-cleared-by-scan',
      'When APICv goes off the hint becomes what a scan says: a vector that is added meanwhile is never looked at.',
      'interrupt-lost',
      RUNS_ON,
      { variant: 'apicv-hint-cleared-by-scan' },
    ),
    caught(
      'notified-before-posted',
      'A sender says that something is posted before it is: the vCPU looks, finds nothing, and is not told again.',
      'interrupt-lost',
      RUNS_ON,
      { variant: 'apicv-notified-before-posted' },
    ),
    {
      name: 'apicv/posted-read-before-told',
      says: 'What is posted is read before the note that something is has been cleared.',
      off: ['apicv.order_on_before_posted'],
      model: 'tso',
      against: ['apicv/interrupt-lost'],
      expect: { equivalent: 'clearing the note is a locked instruction, a full barrier on x86' },
    },
  ];
}

/** Atomic operations taken apart, where two interrupts meet. */
function pairs(): Mutant[] {
  const posts = 'one-of-two-posts-lost';
  const vectors = 'one-of-two-vectors-lost';
  return [
    caught(
      'vector-posted-by-read-and-write',
      'A sender reads the posted vectors and writes them with its own: that of another sender is lost.',
      posts,
      RUNS_ON,
      { off: ['apicv.post_vector'] },
    ),
    caught(
      'note-of-a-post-set-by-read-and-write',
      'A sender finds that a post was noted, the vCPU takes it back, and the sender writes it again: the next post notifies nobody.',
      posts,
      RUNS_ON,
      { off: ['apicv.note_post'] },
    ),
    caught(
      'posts-read-then-zeroed',
      'The vCPU reads the posted vectors and then zeroes them: one that is posted in between is lost.',
      posts,
      'each vector that was sent is posted, requested or in service',
      { off: ['apicv.take_posted'] },
    ),
    caught(
      'vector-requested-by-read-and-write',
      'A sender reads the requested vectors and writes them with its own: that of another sender is lost.',
      vectors,
      'each vector that was sent is posted, requested or in service',
      { off: ['apicv.request_vector'] },
    ),
    caught(
      'vector-accepted-by-read-and-write',
      'The vCPU takes a vector out of the requested ones by a read and a write: one that is requested in between is lost.',
      vectors,
      'no vCPU sleeps on without an interrupt that it was sent',
      { off: ['apicv.accept_vector'] },
    ),
  ];
}
