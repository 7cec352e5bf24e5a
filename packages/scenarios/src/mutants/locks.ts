/** Changes to the order of locks: each breaks a scenario of area locks, or is shown to break nothing. */
import type { Mutant } from '../mutant.ts';
import { lockRuleMutants } from './lock-rules.ts';
import { resamplerMutants } from './resampler.ts';

const sections: readonly Mutant[] = [
  {
    name: 'locks/device-takes-slots-lock',
    says: 'A device is called under slots_lock, inside a section for which its holder waits.',
    variant: 'locks-device-takes-slots-lock',
    expect: { caught: 'locks/device-waits-for-slots-lock', always: 'the exit and the ioctl both return' },
  },
  {
    name: 'locks/fault-takes-slots-lock',
    says: 'A page fault takes slots_lock to find its slot, inside the section of its exit.',
    variant: 'locks-fault-takes-slots-lock',
    expect: { caught: 'locks/fault-waits-for-slots-lock', always: 'the fault and the ioctl both end' },
  },
  {
    name: 'locks/private-slot-inside-a-section',
    says: 'A vCPU changes a slot without leaving its section, and waits for itself.',
    variant: 'locks-private-slot-inside-section',
    expect: { caught: 'locks/section-waits-for-vcpu-mutex', always: 'both vCPUs and the ioctl go on' },
  },
  {
    name: 'locks/interrupt-takes-vcpu-mutex',
    says: 'A vCPU takes the mutex of the one that it interrupts, inside a section that the other waits for.',
    variant: 'locks-interrupt-takes-vcpu-mutex',
    expect: { caught: 'locks/section-waits-for-vcpu-mutex', always: 'both vCPUs and the ioctl go on' },
  },
  {
    name: 'locks/slot-found-outside-a-section',
    says: 'An ioctl that holds another lock finds a slot without a section.',
    variant: 'locks-slot-found-outside-section',
    expect: {
      caught: 'locks/slot-found-outside-a-section',
      always: 'slots are found inside a section, or under slots_lock',
    },
  },
  {
    name: 'locks/device-found-outside-a-section',
    says: 'An exit finds a device without a section.',
    variant: 'locks-device-found-outside-section',
    expect: {
      caught: 'locks/device-found-outside-a-section',
      always: 'devices are found inside a section, or under slots_lock',
    },
  },
];

const indices: readonly Mutant[] = [
  {
    name: 'locks/one-index-for-two-sections',
    says: 'An inner section stores its index over that of the outer one, which then never ends.',
    variant: 'locks-one-index-for-two-sections',
    expect: { caught: 'locks/section-index-overwritten', always: 'each section is ended once' },
  },
];

const mutexes: readonly Mutant[] = [
  {
    name: 'locks/kvm-lock-inside-slots-lock',
    says: 'An update of the slots takes kvm->lock inside slots_lock, the inverse of adding a device.',
    variant: 'locks-kvm-lock-inside-slots-lock',
    expect: { caught: 'locks/kvm-lock-inside-slots-lock', always: 'both ioctls return' },
  },
  {
    name: 'locks/usage-count-under-kvm-lock',
    says: 'The usage count shares its lock with the list of VMs: four threads wait for each other in a ring.',
    variant: 'before-44d174596260',
    expect: { caught: 'locks/hotplug-cycle', always: 'all four go on' },
  },
  {
    name: 'locks/usage-count-under-kvm-lock-of-a-reader',
    says: 'The same with a reader of the hotplug lock at either end, and a writer that has queued between them.',
    variant: 'before-44d174596260',
    expect: { caught: 'locks/hotplug-cycle-of-readers', always: 'all five go on' },
  },
  {
    name: 'locks/vm-added-without-kvm-lock',
    says: 'A VM joins the list while somebody walks it.',
    off: ['locks.add_vm_holds_kvm_lock'],
    expect: { caught: 'locks/vm-list-walked-as-a-vm-goes', always: 'who changes the list holds kvm_lock' },
  },
  {
    name: 'locks/vm-removed-without-kvm-lock',
    says: 'A VM leaves the list while somebody stands on its entry.',
    off: ['locks.remove_vm_holds_kvm_lock'],
    expect: { caught: 'locks/vm-list-walked-as-a-vm-goes', always: 'who changes the list holds kvm_lock' },
  },
];

const archLock: readonly Mutant[] = [
  {
    name: 'locks/arch-lock-over-the-grace-period',
    says: 'An update keeps slots_arch_lock while it waits for a vCPU that waits for slots_arch_lock.',
    variant: 'locks-arch-lock-over-grace-period',
    expect: { caught: 'locks/rmaps-missing', always: 'the vCPU and the ioctl both go on' },
  },
  {
    name: 'locks/slots-read-before-the-arch-lock',
    says: 'A vCPU gives reverse maps to the slots of a set that is no longer active when it has the lock.',
    variant: 'locks-slots-read-before-arch-lock',
    expect: { caught: 'locks/rmaps-missing', always: 'a slot that a vCPU finds has its reverse maps' },
  },
  {
    name: 'locks/new-slot-without-rmaps',
    says: 'A slot that replaces another does not get the reverse maps that its VM has by then.',
    off: ['locks.give_new_slot_rmaps'],
    expect: { caught: 'locks/rmaps-missing', always: 'a slot that a vCPU finds has its reverse maps' },
  },
  {
    name: 'locks/rmaps-without-the-arch-lock',
    says: 'A vCPU gives slots their reverse maps beside an ioctl that replaces one.',
    off: ['locks.rmaps_hold_slots_arch_lock'],
    expect: {
      caught: 'locks/rmaps-missing',
      always: 'the reverse maps of slots change under slots_arch_lock',
    },
  },
  {
    name: 'locks/rmaps-of-two-vcpus-without-the-arch-lock',
    says: 'Two vCPUs give the same slots their reverse maps.',
    off: ['locks.rmaps_hold_slots_arch_lock'],
    expect: {
      caught: 'locks/rmaps-given-twice',
      always: 'the reverse maps of slots change under slots_arch_lock',
    },
  },
  {
    name: 'locks/rmaps-given-again',
    says: 'A vCPU that waited for the lock replaces the reverse maps that another has given, and used.',
    variant: 'locks-rmaps-given-again',
    expect: {
      caught: 'locks/rmaps-given-twice',
      always: 'no vCPU uses reverse maps while another replaces them',
    },
  },
];

const mmuLock: readonly Mutant[] = [
  {
    name: 'locks/mmu-lock-sleeps',
    says: 'mmu_lock is a mutex, and the OOM reaper, who may not sleep, calls a notifier that takes it.',
    variant: 'locks-mmu-lock-sleeps',
    expect: { caught: 'locks/reaper-sleeps', always: 'nobody sleeps who may not' },
  },
  {
    name: 'locks/memory-awaited-under-mmu-lock',
    says: 'A fault waits for memory with mmu_lock held: as a mutex it would allow that, and nobody could free any.',
    variant: 'locks-memory-awaited-under-mmu-lock',
    expect: { caught: 'locks/reclaim-under-mmu-lock', always: 'the fault and the host both go on' },
  },
  {
    name: 'locks/memory-reclaimed-under-mmu-lock',
    says: 'A fault reclaims memory itself with mmu_lock held, and its own notifier wants that lock.',
    variant: 'locks-reclaim-under-mmu-lock',
    expect: { caught: 'locks/reclaim-under-mmu-lock', always: 'the fault and the host both go on' },
  },
  {
    name: 'locks/memory-awaited-before-mmu-lock',
    says: 'A fault waits for memory before it takes mmu_lock, inside its section.',
    variant: 'locks-memory-awaited-before-mmu-lock',
    against: ['locks/reclaim-under-mmu-lock'],
    expect: { equivalent: 'the host needs mmu_lock to free memory, and nobody holds it' },
  },
];

const requiresHeld: readonly Mutant[] = [
  {
    name: 'locks/root-put-without-mmu-lock',
    says: 'A vCPU puts its root without mmu_lock, and unlinks it under tdp_mmu_pages_lock alone.',
    variant: 'locks-root-put-without-mmu-lock',
    against: ['mmu/root-freed-under-a-notifier'],
    expect: { equivalent: 'the reference and RCU keep the root; the rule of the document is broken' },
  },
  {
    name: 'locks/unsync-without-mmu-lock',
    says: 'mmu_lock is dropped while a page is marked unsync under mmu_unsync_pages_lock alone.',
    variant: 'locks-unsync-without-mmu-lock',
    against: ['shadow/sync-misses-a-write'],
    expect: { caught: 'shadow/sync-misses-a-write', always: 'shadow pages change under mmu_lock' },
  },
];

export const locksMutants: readonly Mutant[] = [
  ...sections,
  ...indices,
  ...mutexes,
  ...archLock,
  ...mmuLock,
  ...requiresHeld,
  ...lockRuleMutants,
  ...resamplerMutants,
];
