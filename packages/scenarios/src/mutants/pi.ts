/** Changes to posted interrupts: each breaks a scenario of area pi, or is shown to break nothing. */
import type { Mutant } from '../mutant.ts';

const SLEEPS_ON = 'no vCPU sleeps on with an interrupt that was posted';
const RUNS_ON = 'no guest runs on without an interrupt that was posted';
const ITSELF = 'no CPU waits for itself';
const CORRUPT = 'no list of sleeping vCPUs is corrupted';
const WALKED = 'no list changes under a handler that walks it';
const ATOMIC = 'nobody sleeps where a CPU cannot';

const LOST = 'pi/posted-interrupt-lost';
const MOVED = 'pi/post-lost-between-two-cpus';
const LOST_BEFORE = 'pi/posted-interrupt-lost-before-5-17';
const MOVED_BEFORE = 'pi/post-lost-between-two-cpus-before-5-17';
const ATTACHED = 'pi/device-attached-under-a-sleeper';
const DETACHED = 'pi/device-detached-under-a-sleeper';
const DELIVERY = 'pi/delivery-lost';
const ASLEEP = 'pi/delivery-finds-nobody-asleep';
const WRONG_CPU = 'pi/wrong-cpu-notified';

const sleeping: readonly Mutant[] = [
  {
    name: 'pi/vector-posted-by-read-and-write',
    says: 'A CPU posts by reading the word of the vector and writing it: what another one posts in between is lost.',
    off: ['pi.post_vector'],
    against: ['pi/one-of-two-deliveries-lost'],
    expect: { caught: 'pi/one-of-two-deliveries-lost', always: RUNS_ON },
  },
  {
    name: 'pi/earlier-post-not-looked-for',
    says: 'A vCPU asks to be woken and does not look whether something was posted before: its notification meant nothing to the host.',
    off: ['pi.wake_for_earlier_post'],
    expect: { caught: LOST, always: SLEEPS_ON },
  },
  {
    name: 'pi/nobody-is-to-be-woken',
    says: 'A vCPU goes to sleep with the vector that only a guest understands.',
    off: ['pi.wake_by_post'],
    expect: { caught: LOST, always: SLEEPS_ON },
  },
  {
    name: 'pi/asleep-on-no-list',
    says: 'A vCPU asks to be woken and joins no list: the handler finds nobody.',
    off: ['pi.join_wakeup_list'],
    expect: { caught: LOST, always: SLEEPS_ON },
  },
  {
    name: 'pi/vector-before-list',
    says: 'A vCPU asks to be woken before it is on the list, with interrupts on: a wake-up in between finds nobody.',
    variant: 'pi-vector-before-list-irqs-on',
    against: [LOST],
    expect: { caught: LOST, always: SLEEPS_ON },
  },
  {
    name: 'pi/vector-before-list-with-irqs-off',
    says: 'The same order with interrupts off.',
    variant: 'pi-vector-before-list-irqs-off',
    against: [LOST, MOVED],
    expect: {
      equivalent:
        'the wake-up goes to the CPU that has its interrupts off, and is taken when the vCPU is on the list',
    },
  },
  {
    name: 'pi/wake-up-vector-by-plain-store',
    says: 'The vector is changed by a load and a store of the control word: an ON that the IOMMU sets in between is lost.',
    off: ['pi.notify_wakeup'],
    against: [LOST],
    expect: { caught: LOST, always: SLEEPS_ON },
  },
  {
    name: 'pi/handler-wakes-nobody',
    says: 'The handler walks the list and wakes none of its vCPUs.',
    off: ['pi.wake_whoever_has_a_post'],
    against: [LOST],
    expect: { caught: LOST, always: SLEEPS_ON },
  },
  {
    name: 'pi/switch-wakes-directly',
    says: 'An earlier post is answered by waking the vCPU from inside the switch, whose run-queue lock is held.',
    variant: 'pi-switch-wakes-directly',
    against: [LOST],
    expect: { caught: LOST, always: ITSELF },
  },
  {
    name: 'pi/list-lock-with-irqs-on',
    says: "A vCPU that is back takes the list's lock with interrupts on: its CPU's handler waits for it on top of it.",
    variant: 'pi-list-lock-with-irqs-on',
    against: [ATTACHED],
    expect: { caught: ATTACHED, always: ITSELF },
  },
  {
    name: 'pi/wake-up-lock-not-raw',
    says: 'The lock of the list is an ordinary spinlock, which sleeps under PREEMPT_RT.',
    variant: 'pi-wakeup-lock-not-raw',
    against: ['pi/wake-up-handler-sleeps'],
    expect: { caught: 'pi/wake-up-handler-sleeps', always: ATOMIC },
  },
  {
    name: 'pi/wake-up-lock-not-raw-without-rt',
    says: 'The same without PREEMPT_RT: such a lock spins.',
    variant: 'pi-wakeup-lock-not-raw',
    against: [LOST, MOVED],
    expect: { equivalent: 'without PREEMPT_RT the two kinds of lock are one' },
  },
];

const moving: readonly Mutant[] = [
  {
    name: 'pi/list-under-another-lock',
    says: 'A vCPU that comes back elsewhere leaves its list under the lock of where it is.',
    variant: 'pi-list-under-another-lock',
    against: [MOVED],
    expect: { caught: MOVED, always: WALKED },
  },
  {
    name: 'pi/cpu-stored-before-unlink',
    says: 'The new CPU is stored before the vCPU has left the list of the old one: it looks for itself on the wrong list.',
    variant: 'pi-cpu-stored-first',
    against: [MOVED],
    expect: { caught: MOVED, always: CORRUPT },
  },
  {
    name: 'pi/suppressed-post-not-noticed',
    says: 'A vCPU that was preempted does not look for what was posted while nobody was to be told.',
    off: ['pi.notice_suppressed_posts'],
    against: [MOVED],
    expect: { caught: MOVED, always: SLEEPS_ON },
  },
  {
    name: 'pi/suppressed-post-not-noticed-before-5-17',
    says: 'The same with the protocol of before.',
    off: ['pi.notice_suppressed_posts'],
    against: [MOVED_BEFORE],
    expect: { caught: MOVED_BEFORE, always: SLEEPS_ON },
  },
  {
    name: 'pi/requests-read-before-sn',
    says: 'It looks for them before it ends the suppression: a post in between sets no ON.',
    variant: 'pi-requests-read-before-sn',
    against: [MOVED],
    expect: { caught: MOVED, always: SLEEPS_ON },
  },
  {
    name: 'pi/requests-read-before-sn-is-seen',
    says: 'The processor may read the requests before the cleared SN is seen.',
    off: ['pi.order_sn_before_pir'],
    model: 'tso',
    against: [LOST],
    expect: { equivalent: 'clearing SN is a locked instruction, a full barrier on x86' },
  },
  {
    name: 'pi/normal-vector-by-plain-store',
    says: 'A vCPU that is back changes the control word by a load and a store: an ON set in between is lost.',
    off: ['pi.notify_normally'],
    against: [LOST, MOVED, ATTACHED],
    expect: { covered: ATTACHED, with: ['pi.notice_suppressed_posts'], always: SLEEPS_ON },
  },
  {
    name: 'pi/not-suppressed-while-preempted',
    says: 'A preempted vCPU goes on being announced on the CPU that it lost.',
    off: ['pi.suppress_while_preempted'],
    against: [LOST, MOVED],
    expect: { equivalent: 'a notification more, and the vCPU looks for posts before it enters its guest' },
  },
  {
    name: 'pi/destination-stays',
    says: 'A vCPU that is loaded elsewhere is announced where it was before: its guest is not told.',
    variant: 'pi-destination-stays',
    against: [WRONG_CPU],
    expect: { caught: WRONG_CPU, always: RUNS_ON },
  },
  {
    name: 'pi/loaded-while-it-moves',
    says: 'The thread is moved while it loads the vCPU: what is announced stays on the CPU of before.',
    variant: 'pi-loaded-while-it-moves',
    against: [WRONG_CPU],
    expect: { caught: WRONG_CPU, always: RUNS_ON },
  },
];

const delivering: readonly Mutant[] = [
  {
    name: 'pi/enters-without-looking',
    says: 'A vCPU enters without a look at what was posted.',
    off: ['pi.sync_posted_before_entry'],
    against: [DELIVERY],
    expect: { caught: DELIVERY, always: RUNS_ON },
  },
  {
    name: 'pi/guest-not-notified',
    says: 'Whoever posts for a vCPU in its guest sends no interrupt.',
    off: ['pi.notify_guest'],
    against: [DELIVERY],
    expect: { caught: DELIVERY, always: RUNS_ON },
  },
  {
    name: 'pi/on-never-cleared',
    says: 'A vCPU takes the requests and leaves ON: the next post is believed to be announced.',
    off: ['pi.clear_on_before_pir'],
    against: [DELIVERY],
    expect: { caught: DELIVERY, always: RUNS_ON },
  },
  {
    name: 'pi/second-post-not-looked-for',
    says: 'A vCPU asks to be woken and does not look whether the second of two posts came before.',
    off: ['pi.wake_for_earlier_post'],
    against: ['pi/second-post-lost'],
    expect: { caught: 'pi/second-post-lost', always: SLEEPS_ON },
  },
  {
    name: 'pi/on-cleared-last',
    says: 'A vCPU takes the requests before it clears ON: one that comes in between is announced to nobody.',
    variant: 'pi-requests-taken-before-on',
    against: [DELIVERY],
    expect: { caught: DELIVERY, always: RUNS_ON },
  },
  {
    name: 'pi/mode-after-on',
    says: 'An entering vCPU reads ON before its mode can be seen.',
    off: ['pi.order_mode_before_post'],
    model: 'tso',
    against: [DELIVERY],
    expect: { caught: DELIVERY, always: RUNS_ON },
  },
  {
    name: 'pi/sleeper-not-woken-by-delivery',
    says: 'Whoever posts for a vCPU outside its guest does not wake it.',
    off: ['pi.wake_for_delivery'],
    against: [ASLEEP],
    expect: { caught: ASLEEP, always: SLEEPS_ON },
  },
  {
    name: 'pi/sleeps-without-looking',
    says: 'A vCPU goes to sleep without a look at what was posted.',
    off: ['pi.check_before_sleeping'],
    against: [ASLEEP],
    expect: { caught: ASLEEP, always: SLEEPS_ON },
  },
  {
    name: 'pi/looks-before-it-is-asleep',
    says: 'A vCPU looks for a reason to run and says afterwards that it sleeps: a wake-up in between finds it awake.',
    variant: 'pi-looks-before-it-is-asleep',
    against: [ASLEEP],
    expect: { caught: ASLEEP, always: SLEEPS_ON },
  },
  {
    name: 'pi/asleep-seen-late',
    says: 'That it sleeps waits in the store buffer while it looks.',
    off: ['pi.asleep_before_looking'],
    model: 'tso',
    against: [ASLEEP],
    expect: { caught: ASLEEP, always: SLEEPS_ON },
  },
];

const devices: readonly Mutant[] = [
  {
    name: 'pi/sleepers-not-unblocked',
    says: 'A VM is given its first device, and a vCPU that sleeps already stays as it is.',
    off: ['pi.unblock_sleepers'],
    against: [ATTACHED],
    expect: { caught: ATTACHED, always: SLEEPS_ON },
  },
  {
    name: 'pi/unblocked-before-counted',
    says: 'The sleeping vCPUs are unblocked before the device counts: they go back to sleep as before.',
    variant: 'pi-unblocked-before-counted',
    against: [ATTACHED],
    expect: { caught: ATTACHED, always: SLEEPS_ON },
  },
  {
    name: 'pi/joins-list-twice',
    says: 'A vCPU stays on its list when the VM loses its device, and joins it again when there is another.',
    variant: 'pi-joins-list-twice',
    against: [DETACHED],
    expect: { caught: DETACHED, always: CORRUPT },
  },
];

const before: readonly Mutant[] = [
  {
    name: 'pi/earlier-post-not-looked-for-before-5-17',
    says: 'A vCPU joins the list, and goes to sleep although something was posted before.',
    off: ['pi.stay_awake_for_earlier_post'],
    against: [LOST_BEFORE, MOVED_BEFORE],
    expect: { covered: LOST_BEFORE, with: ['pi.check_before_sleeping'], always: SLEEPS_ON },
  },
  {
    name: 'pi/vector-before-list-before-5-17',
    says: 'A vCPU asks to be woken before it is on the list, with interrupts on.',
    variant: 'pi-vector-before-list',
    against: [LOST_BEFORE, MOVED_BEFORE],
    expect: { covered: LOST_BEFORE, with: ['pi.check_before_sleeping'], always: SLEEPS_ON },
  },
  {
    name: 'pi/second-vector-by-plain-store-before-5-17',
    says: 'The vector is changed by a load and a store: the ON of the second post is lost in between.',
    off: ['pi.notify_before_5_17'],
    against: ['pi/second-post-lost-before-5-17'],
    expect: { caught: 'pi/second-post-lost-before-5-17', always: SLEEPS_ON },
  },
  {
    name: 'pi/asleep-on-no-list-before-5-17',
    says: 'A vCPU asks to be woken and joins no list.',
    variant: 'pi-on-no-list-before-5-17',
    against: [LOST_BEFORE],
    expect: { caught: LOST_BEFORE, always: SLEEPS_ON },
  },
  {
    name: 'pi/vector-by-plain-store-before-5-17',
    says: 'The vector is changed by a load and a store: an ON set in between is lost.',
    off: ['pi.notify_before_5_17'],
    against: [LOST_BEFORE],
    expect: { caught: LOST_BEFORE, always: SLEEPS_ON },
  },
  {
    name: 'pi/destination-by-plain-store-before-5-17',
    says: 'A preempted vCPU that comes back elsewhere changes the control word by a load and a store.',
    off: ['pi.redirect_before_5_17'],
    against: [LOST_BEFORE, MOVED_BEFORE],
    expect: { covered: MOVED_BEFORE, with: ['pi.notice_suppressed_posts'], always: SLEEPS_ON },
  },
  {
    name: 'pi/not-suppressed-while-preempted-before-5-17',
    says: 'A preempted vCPU goes on being announced on the CPU that it lost.',
    off: ['pi.suppress_while_preempted_before_5_17'],
    against: [LOST_BEFORE, MOVED_BEFORE],
    expect: { equivalent: 'a notification more, and the vCPU looks for posts before it enters its guest' },
  },
  {
    name: 'pi/iommu-in-steps-before-5-17',
    says: 'The IOMMU sets the bit of the vector, and looks at ON and SN afterwards: the vCPU sets ON itself in between, on its way to sleep, and nobody is told.',
    variant: 'pi-iommu-in-steps',
    against: [MOVED_BEFORE],
    expect: { caught: MOVED_BEFORE, always: SLEEPS_ON },
  },
  {
    name: 'pi/iommu-in-steps',
    says: 'The same with the protocol since 5.17, whose last look at ON comes after everything else.',
    variant: 'pi-iommu-in-steps',
    against: [LOST, MOVED, WRONG_CPU],
    expect: { equivalent: 'a vCPU that finds ON as it gives up its CPU is woken, whoever has set it' },
  },
  {
    name: 'pi/preempted-by-run-queue-before-5-17',
    says: 'A vCPU on its way to sleep counts as preempted, as from 5.14 on: a post then notifies nobody, and it goes on to sleep.',
    variant: 'pi-preempted-by-run-queue-before-5-17',
    against: [MOVED_BEFORE],
    expect: { caught: MOVED_BEFORE, always: SLEEPS_ON },
  },
];

/** Mutants of posted interrupts. */
export const piMutants: readonly Mutant[] = [...sleeping, ...moving, ...delivering, ...devices, ...before];
