/** Changes to how virtualization is enabled: each breaks a scenario of area hw, or is shown to break nothing. */
import type { Mutant } from '../mutant.ts';

const NOT_ENABLED = 'no vCPU enters its guest on a CPU that is not enabled';
const LEFT = 'no CPU is left enabled when the last VM is gone';
const ATOMIC = 'nobody sleeps where a CPU cannot';
const NEW_CPU = 'hw/new-cpu-missed';
const NEW_CPU_SINCE = 'hw/new-cpu-missed-since-6-12';
const STARTING = 'hw/starting-cpu-misses-count';
const TWO_VMS = 'hw/other-vm-loses-virtualization';
const HALFWAY = 'hw/create-fails-halfway';

const hotplug: readonly Mutant[] = [
  {
    name: 'hw/hotplug-not-blocked',
    says: 'A round goes over the CPUs that are online while one goes down: it enables the one that was just disabled.',
    off: ['hw.block_hotplug', 'hw.allow_hotplug'],
    against: ['hw/cpu-goes-down-under-a-vm'],
    expect: { caught: 'hw/cpu-goes-down-under-a-vm', always: LEFT },
  },
  {
    name: 'hw/walk-without-hotplug-lock',
    says: 'The hotplug core walks over the CPUs while another one comes up.',
    variant: 'hw-walk-without-hotplug-lock',
    against: [NEW_CPU_SINCE],
    expect: { caught: NEW_CPU_SINCE, always: NOT_ENABLED },
  },
  {
    name: 'hw/new-cpus-not-announced',
    says: 'KVM is called for the CPUs that are up, and not for one that comes later.',
    off: ['hw.call_for_new_cpus'],
    against: [NEW_CPU_SINCE],
    expect: { caught: NEW_CPU_SINCE, always: NOT_ENABLED },
  },
  {
    name: 'hw/count-read-without-lock',
    says: 'A CPU that comes up looks at the count without its lock.',
    variant: 'hw-count-read-without-lock',
    against: [STARTING],
    expect: { caught: STARTING, always: 'the count is looked at under its lock' },
  },
  {
    name: 'hw/new-cpu-not-enabled',
    says: 'A CPU comes up while there is a VM, and stays as it is.',
    off: ['hw.enable_on_arrival'],
    against: [STARTING],
    expect: { caught: STARTING, always: 'a CPU that came up under a VM is enabled' },
  },
  {
    name: 'hw/locked-cpu-not-refused',
    says: 'A CPU that could not be enabled runs tasks all the same.',
    off: ['hw.refuse_cpu'],
    against: ['hw/locked-cpu-comes-up'],
    expect: { caught: 'hw/locked-cpu-comes-up', always: NOT_ENABLED },
  },
  {
    name: 'hw/locked-cpu-not-refused-since-6-12',
    says: 'The same where the hotplug core calls.',
    off: ['hw.refuse_cpu'],
    against: ['hw/locked-cpu-comes-up-since-6-12'],
    expect: { caught: 'hw/locked-cpu-comes-up-since-6-12', always: NOT_ENABLED },
  },
  {
    name: 'hw/leaves-enabled-before-6-3',
    says: 'A CPU goes down in VMX operation: no round finds it any more.',
    off: ['hw.disable_on_departure'],
    against: ['hw/cpu-goes-down-under-a-vm-before-6-3'],
    expect: { caught: 'hw/cpu-goes-down-under-a-vm-before-6-3', always: LEFT },
  },
  {
    name: 'hw/leaves-enabled',
    says: 'The same in the callback that may sleep.',
    off: ['hw.disable_before_departure'],
    against: ['hw/cpu-goes-down-under-a-vm'],
    expect: { caught: 'hw/cpu-goes-down-under-a-vm', always: LEFT },
  },
  {
    name: 'hw/leaves-enabled-since-6-12',
    says: 'The same where the hotplug core calls.',
    off: ['hw.disable_when_called'],
    against: ['hw/cpu-goes-down-under-a-vm-since-6-12'],
    expect: { caught: 'hw/cpu-goes-down-under-a-vm-since-6-12', always: LEFT },
  },
];

const counting: readonly Mutant[] = [
  {
    name: 'hw/new-cpu-not-told',
    says: 'A CPU comes up while there is a VM, and its callback does nothing.',
    variant: 'hw-online-does-nothing',
    against: [NEW_CPU],
    expect: { caught: NEW_CPU, always: NOT_ENABLED },
  },
  {
    name: 'hw/users-not-counted',
    says: 'A VM that is made does not count.',
    off: ['hw.count_users'],
    against: [TWO_VMS],
    expect: { caught: TWO_VMS, always: NOT_ENABLED },
  },
  {
    name: 'hw/not-disabled-for-the-last',
    says: 'The last VM goes, and the CPUs stay enabled.',
    off: ['hw.disable_for_last'],
    against: [TWO_VMS],
    expect: { caught: TWO_VMS, always: LEFT },
  },
  {
    name: 'hw/not-disabled-for-the-last-before-6-3',
    says: 'The same up to 6.2.',
    off: ['hw.disable_for_last'],
    against: ['hw/other-vm-loses-virtualization-before-6-3'],
    expect: { caught: 'hw/other-vm-loses-virtualization-before-6-3', always: LEFT },
  },
  {
    name: 'hw/those-up-not-enabled-since-6-12',
    says: 'The hotplug core is told to call KVM, and does not call it for the CPUs that are up.',
    off: ['hw.enable_those_that_are_up'],
    against: ['hw/other-vm-loses-virtualization-since-6-12'],
    expect: { caught: 'hw/other-vm-loses-virtualization-since-6-12', always: NOT_ENABLED },
  },
  {
    name: 'hw/those-up-not-disabled-since-6-12',
    says: 'The hotplug core no longer calls KVM, and leaves the CPUs as they are.',
    off: ['hw.disable_those_that_are_up'],
    against: ['hw/other-vm-loses-virtualization-since-6-12'],
    expect: { caught: 'hw/other-vm-loses-virtualization-since-6-12', always: LEFT },
  },
  {
    name: 'hw/disabled-when-vm-is-closed',
    says: "The VM stops counting when its descriptor is closed, and its vCPU's is still open.",
    variant: 'hw-disabled-when-vm-is-closed',
    against: ['hw/vm-closed-under-a-vcpu'],
    expect: { caught: 'hw/vm-closed-under-a-vcpu', always: NOT_ENABLED },
  },
  {
    name: 'hw/enabled-twice',
    says: 'A CPU is enabled without a look whether it is already.',
    off: ['hw.enable_once'],
    against: ['hw/cpu-enabled-twice'],
    expect: { caught: 'hw/cpu-enabled-twice', always: 'no CPU executes VMXON twice' },
  },
  {
    name: 'hw/disabled-without-being-enabled',
    says: 'A CPU is disabled without a look whether it was enabled.',
    off: ['hw.disable_if_enabled'],
    against: [HALFWAY],
    expect: { caught: HALFWAY, always: NOT_ENABLED },
  },
  {
    name: 'hw/failed-round-not-undone',
    says: 'One CPU cannot be enabled, and the others stay enabled for a VM that does not exist.',
    off: ['hw.undo_failed_round'],
    against: [HALFWAY],
    expect: { caught: HALFWAY, always: LEFT },
  },
  {
    name: 'hw/failed-round-not-undone-since-6-12',
    says: 'The same with the walk of the hotplug core.',
    off: ['hw.undo_failed_round'],
    against: ['hw/create-fails-halfway-since-6-12'],
    expect: { caught: 'hw/create-fails-halfway-since-6-12', always: LEFT },
  },
];

const contexts: readonly Mutant[] = [
  {
    name: 'hw/round-does-not-wait',
    says: 'The round returns before the CPUs have answered: one that fails later is not heard.',
    variant: 'hw-round-does-not-wait',
    against: [HALFWAY],
    expect: { caught: HALFWAY, always: NOT_ENABLED },
  },
  {
    name: 'hw/moved-during-the-round',
    says: 'The task that does the round is moved between the others and its own CPU.',
    variant: 'hw-moved-during-the-round',
    against: [TWO_VMS],
    expect: { caught: TWO_VMS, always: NOT_ENABLED },
  },
  {
    name: 'hw/count-lock-not-raw',
    says: 'kvm_count_lock is an ordinary spinlock: under PREEMPT_RT a CPU that comes up with interrupts off would sleep.',
    variant: 'hw-count-lock-not-raw',
    against: ['hw/starting-cpu-sleeps'],
    expect: { caught: 'hw/starting-cpu-sleeps', always: ATOMIC },
  },
  {
    name: 'hw/count-lock-not-raw-without-rt',
    says: 'The same without PREEMPT_RT.',
    variant: 'hw-count-lock-not-raw',
    against: [STARTING],
    expect: { equivalent: 'without PREEMPT_RT the two kinds of lock are one' },
  },
  {
    name: 'hw/starting-takes-a-mutex',
    says: 'A CPU that comes up with interrupts off takes kvm_lock, in any kernel.',
    variant: 'hw-starting-takes-a-mutex',
    against: [STARTING],
    expect: { caught: STARTING, always: ATOMIC },
  },
  {
    name: 'hw/interrupts-others-with-irqs-off',
    says: 'A CPU waits for the others to take its interrupt and takes none itself: two of them wait for each other.',
    variant: 'hw-interrupts-others-with-irqs-off',
    against: ['hw/two-cpus-wait-for-each-other'],
    expect: { caught: 'hw/two-cpus-wait-for-each-other', always: 'both come back' },
  },
];

const SLEEPS = 'hw/host-sleeps';

const suspend: readonly Mutant[] = [
  {
    name: 'hw/not-enabled-after-sleep',
    says: 'The CPU that woke up last stays as it is, and a vCPU enters its guest there.',
    off: ['hw.enable_after_sleep'],
    against: [SLEEPS],
    expect: { caught: SLEEPS, always: NOT_ENABLED },
  },
  {
    name: 'hw/not-disabled-for-sleep',
    says: 'KVM believes of a CPU that woke up that it is enabled still, and leaves it at that.',
    off: ['hw.disable_for_sleep'],
    against: [SLEEPS],
    expect: { caught: SLEEPS, always: NOT_ENABLED },
  },
  {
    name: 'hw/tasks-not-frozen',
    says: 'A VM ends while a CPU that goes to sleep looks at the usage count.',
    off: ['hw.freeze_tasks'],
    against: [SLEEPS],
    expect: { caught: SLEEPS, always: 'nobody is enabled or counted beside a CPU that sleeps' },
  },
  {
    name: 'hw/resume-takes-kvm-lock',
    says: 'A CPU that woke up takes a mutex before it has interrupts on.',
    variant: 'hw-resume-takes-kvm-lock',
    against: [SLEEPS],
    expect: { caught: SLEEPS, always: 'nobody waits where a CPU cannot' },
  },
];

export const hwMutants: readonly Mutant[] = [...hotplug, ...counting, ...contexts, ...suspend];
