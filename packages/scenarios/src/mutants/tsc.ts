/** Changes to time-stamp counters and the master clock: each breaks a scenario of area tsc, or is shown to break nothing. */
import type { Mutant } from '../mutant.ts';

const ONE_CLOCK = 'counters that count as matched show the same';
const BACK = 'time does not go back from one vCPU to another';
const TORN = 'the time is that of the old clock or of the new';
const CREATED = 'tsc/offsets-differ-though-matched';
const WRITTEN = 'tsc/offsets-differ-after-user-writes';
const UNSTABLE = 'tsc/preempted-between-two-clocks';
const IN_GUEST = 'tsc/torn-snapshot-in-a-guest';
const TWICE = 'tsc/vcpu-counted-twice';

export const tscMutants: readonly Mutant[] = [
  {
    name: 'tsc/requests-looked-at-before-mode',
    says: 'A vCPU looks for requests before others can see that it is in its guest: it is not waited for.',
    off: ['tsc.order_mode_before_clock_requests'],
    model: 'tso',
    against: ['tsc/clock-goes-back-inside'],
    expect: {
      caught: 'tsc/clock-goes-back-inside',
      always: 'time does not go back from one vCPU to another',
    },
  },
  {
    name: 'tsc/writes-not-locked',
    says: 'Two vCPUs that are created at once each look at the last write and record their own: their offsets differ and one counts as matched.',
    off: ['tsc.lock_tsc_writes', 'tsc.unlock_tsc_writes'],
    against: [CREATED],
    expect: { caught: CREATED, always: ONE_CLOCK },
  },
  {
    name: 'tsc/user-writes-not-locked',
    says: 'The same for values that user space writes.',
    off: ['tsc.lock_tsc_writes', 'tsc.unlock_tsc_writes'],
    against: [WRITTEN],
    expect: { caught: WRITTEN, always: ONE_CLOCK },
  },
  {
    name: 'tsc/preempted-between-reads',
    says: "The task is preempted between its reads of the host's counter and clock: the time in between stays in the offset.",
    off: ['tsc.stay_unpreempted', 'tsc.end_unpreempted'],
    against: [UNSTABLE],
    expect: { caught: UNSTABLE, always: ONE_CLOCK },
  },
  {
    name: 'tsc/preempted-between-reads-of-a-stable-counter',
    says: 'The same where the host counter is stable: a repetition gets exactly the offset of the first.',
    off: ['tsc.stay_unpreempted', 'tsc.end_unpreempted'],
    against: [CREATED],
    expect: { equivalent: 'the error is in the first offset, and all have that one' },
  },
  {
    name: 'tsc/repetition-counted-twice',
    says: 'A vCPU that repeats a value counts each time: one that is written twice counts for two.',
    off: ['tsc.count_each_once'],
    against: [TWICE],
    expect: { caught: TWICE, always: ONE_CLOCK },
  },
  {
    name: 'tsc/count-goes-on',
    says: 'A new generation keeps the count of the one before.',
    off: ['tsc.start_from_none'],
    against: [TWICE],
    expect: { caught: TWICE, always: ONE_CLOCK },
  },
  {
    name: 'tsc/any-write-repeats',
    says: 'Whatever user space writes is taken for a repetition of the last write.',
    variant: 'tsc-any-write-repeats',
    against: [TWICE],
    expect: { caught: TWICE, always: 'a counter shows what was written, and the time since' },
  },
  {
    name: 'tsc/vcpus-stay-in',
    says: 'The master clock is replaced while vCPUs are in their guests.',
    off: ['tsc.keep_vcpus_out'],
    against: ['tsc/clock-goes-back'],
    expect: { caught: 'tsc/clock-goes-back', always: BACK },
  },
  {
    name: 'tsc/let-in-before-told',
    says: 'vCPUs may enter again before they are told that the clock has changed.',
    variant: 'tsc-let-in-before-told',
    against: ['tsc/clock-goes-back'],
    expect: { caught: 'tsc/clock-goes-back', always: BACK },
  },
  {
    name: 'tsc/one-vcpu-told',
    says: 'Only the first vCPU is told that the clock has changed.',
    variant: 'tsc-one-vcpu-told',
    against: ['tsc/clock-goes-back'],
    expect: { caught: 'tsc/clock-goes-back', always: BACK },
  },
  {
    name: 'tsc/change-not-marked',
    says: 'The snapshot changes without a mark that it does.',
    off: ['tsc.mark_snapshot_changing'],
    against: ['tsc/torn-snapshot'],
    expect: { caught: 'tsc/torn-snapshot', always: TORN },
  },
  {
    name: 'tsc/change-not-marked-for-a-guest',
    says: 'The same for a vCPU: it cannot enter until the change is over, and is told to look again then.',
    off: ['tsc.mark_snapshot_changing'],
    against: [IN_GUEST],
    expect: {
      covered: IN_GUEST,
      with: ['tsc.keep_vcpus_out'],
      always: 'the guest reads the old clock or the new',
    },
  },
  {
    name: 'tsc/read-once',
    says: 'A reader of the snapshot does not look whether it changed meanwhile.',
    variant: 'tsc-read-once',
    against: ['tsc/torn-snapshot'],
    expect: { caught: 'tsc/torn-snapshot', always: TORN },
  },
];
