/**
 * Every lock of KVM: what kind, on what machines, what it is for, where it may be taken. What it protects is not written
 * here where fields declare it: `guardedFields` collects that. Data only, so that a checker loads it without the system.
 */

export interface KvmLock {
  /** As the kernel's documents spell it. */
  readonly name: string;
  readonly type: LockType;
  readonly arch: 'any' | 'x86';
  /** Kernels that have it, when that is not all. */
  readonly kernels?: string;
  /** Its classes in the model, `kvm->slots_lock`; none: it is not part of it, and `left` says why. */
  readonly classes: readonly string[];
  readonly left?: string;
  /** Its class as lockdep prints it, where that has another field. */
  readonly lockdep?: string;
  /** What it protects besides the fields that name it as their guard. */
  readonly protects: string;
  readonly context: string;
  readonly comment?: string;
}

export type LockType =
  | 'mutex'
  | 'spinlock_t'
  | 'raw_spinlock_t'
  | 'rwlock_t'
  | 'rw_semaphore'
  | 'percpu_rw_semaphore'
  | 'srcu domain';

const SLEEPS = 'may sleep';
const ATOMIC = 'atomic: preemption is off';
const IRQS_OFF = 'atomic: interrupts are off';

const host: readonly KvmLock[] = [
  {
    name: 'cpus_read_lock()',
    type: 'percpu_rw_semaphore',
    arch: 'any',
    classes: ['host->cpu_hotplug_lock', 'kvm_hardware->cpu_hotplug_lock'],
    lockdep: 'cpu_hotplug_lock',
    protects: 'the set of CPUs that are online',
    context: SLEEPS,
    comment: 'a writer that waits blocks later readers',
  },
  {
    name: 'kvm_lock',
    type: 'mutex',
    arch: 'any',
    classes: ['host->kvm_lock', 'kvm_hardware->kvm_lock'],
    protects: 'the list of VMs; from 6.3 to 6.11 also the usage count',
    context: SLEEPS,
  },
  {
    name: 'kvm_count_lock',
    type: 'raw_spinlock_t',
    arch: 'any',
    kernels: 'up to 6.2',
    classes: ['kvm_hardware->kvm_count_lock', 'kvm_hardware->kvm_count_spinlock'],
    protects: 'enabling and disabling of virtualization on every CPU',
    context: `${ATOMIC}; interrupts are off on a CPU that comes up or goes down`,
    comment: 'raw: who enables a CPU must not be moved to another one between the look and the deed',
  },
  {
    name: 'kvm_usage_lock',
    type: 'mutex',
    arch: 'any',
    kernels: 'since 6.12',
    classes: ['host->kvm_usage_lock', 'kvm_hardware->kvm_usage_lock'],
    protects: 'the usage count, and enabling and disabling of virtualization',
    context: SLEEPS,
  },
  {
    name: 'vendor_module_lock',
    type: 'mutex',
    arch: 'x86',
    kernels: 'after 6.1',
    classes: [],
    left: 'modules are not loaded here',
    protects: 'loading of kvm_intel and kvm_amd',
    context: SLEEPS,
  },
];

const vm: readonly KvmLock[] = [
  {
    name: 'kvm->lock',
    type: 'mutex',
    arch: 'any',
    classes: ['kvm->lock'],
    protects: 'what belongs to the VM as a whole: how many vCPUs it has, its irqchip, its capabilities',
    context: SLEEPS,
  },
  {
    name: 'vcpu->mutex',
    type: 'mutex',
    arch: 'any',
    classes: ['vcpu->mutex'],
    protects: 'all state of one vCPU, for the whole of each of its ioctls',
    context: `${SLEEPS}; inside KVM_RUN mostly with a section of kvm->srcu`,
  },
  {
    name: 'kvm->slots_lock',
    type: 'mutex',
    arch: 'any',
    classes: ['kvm->slots_lock'],
    protects: 'changes of the memslots and of the buses, dirty logging',
    context: SLEEPS,
    comment: 'held over synchronize_srcu(&kvm->srcu)',
  },
  {
    name: 'kvm->slots_arch_lock',
    type: 'mutex',
    arch: 'any',
    classes: ['kvm->slots_arch_lock'],
    protects: 'fields of memslots that change inside a section of kvm->srcu',
    context: `${SLEEPS}, even inside a section of kvm->srcu`,
    comment: 'held from before the pointer to the memslots is read until all changes are complete',
  },
  {
    name: 'kvm->irq_lock',
    type: 'mutex',
    arch: 'any',
    classes: ['kvm->irq_lock'],
    protects: 'changes of the routing table and of the notifiers of acknowledgements',
    context: SLEEPS,
    comment: 'dropped before synchronize_srcu(&kvm->irq_srcu)',
  },
  {
    name: 'kvm->mmu_lock',
    type: 'rwlock_t',
    arch: 'any',
    kernels: 'a spinlock_t up to 5.11',
    classes: ['kvm->mmu_lock'],
    protects: 'page tables of the guest, their shadow pages and reverse maps',
    context: `${ATOMIC}; may be dropped and taken again where it yields`,
    comment: 'spins, because MMU notifiers take it where nobody may sleep',
  },
  {
    name: 'kvm->mn_invalidate_lock',
    type: 'spinlock_t',
    arch: 'any',
    classes: ['kvm->mn_invalidate_lock'],
    protects: 'mn_active_invalidate_count, mn_memslots_update_rcuwait',
    context: ATOMIC,
  },
  {
    name: 'kvm->gpc_lock',
    type: 'spinlock_t',
    arch: 'any',
    classes: ['kvm->gpc_lock'],
    protects: 'the list of pfn caches',
    context: ATOMIC,
  },
  {
    name: 'gpc->lock',
    type: 'rwlock_t',
    arch: 'any',
    classes: ['gpc->lock'],
    protects: 'what one pfn cache says',
    context: `${IRQS_OFF}; readers in interrupts`,
  },
  {
    name: 'gpc->refresh_lock',
    type: 'mutex',
    arch: 'any',
    classes: ['gpc->refresh_lock'],
    protects: 'one refresh of a cache against another',
    context: SLEEPS,
  },
  {
    name: 'kvm->srcu',
    type: 'srcu domain',
    arch: 'any',
    classes: ['kvm->srcu'],
    protects: 'kvm->memslots, kvm->buses, the event channels of Xen',
    context: 'readers may sleep, and wait for no lock that is held over a grace period',
    comment: 'the index may be kept in vcpu->srcu_idx, one level deep',
  },
  {
    name: 'kvm->irq_srcu',
    type: 'srcu domain',
    arch: 'any',
    classes: ['kvm->irq_srcu'],
    protects: 'readers of the routing table',
    context: 'readers do not wait',
    comment: 'apart from kvm->srcu, so that a change of routes waits for no vCPU',
  },
  {
    name: 'kvm->ring_lock',
    type: 'spinlock_t',
    arch: 'any',
    classes: ['kvm->ring_lock'],
    protects: "the producer's side of the coalesced-MMIO ring",
    context: ATOMIC,
  },
  {
    name: 'kvm->irqfds.lock',
    type: 'spinlock_t',
    arch: 'any',
    classes: ['kvm->irqfds.lock'],
    protects: 'the list of irqfds, and the copy of a route that each has',
    context: IRQS_OFF,
  },
  {
    name: 'kvm->irqfds.resampler_lock',
    type: 'mutex',
    arch: 'any',
    classes: ['kvm->irqfds.resampler_lock'],
    protects: 'the list of resamplers, and who is on the list of each',
    context: SLEEPS,
    comment: 'held over synchronize_srcu(&kvm->irq_srcu)',
  },
  {
    name: 'ctx->wqh.lock',
    type: 'spinlock_t',
    arch: 'any',
    classes: ['ctx->wqh.lock'],
    lockdep: '&ctx->wqh',
    protects: 'who waits for an eventfd',
    context: `${IRQS_OFF}; irqfd_wakeup runs under it`,
    comment: "the eventfd's own, not KVM's",
  },
];

const x86: readonly KvmLock[] = [
  {
    name: 'kvm->arch.tdp_mmu_pages_lock',
    type: 'spinlock_t',
    arch: 'x86',
    classes: ['kvm->tdp_mmu_pages_lock'],
    protects: 'lists of the TDP MMU while mmu_lock is held for read',
    context: `${ATOMIC}, inside mmu_lock`,
  },
  {
    name: 'kvm->arch.mmu_unsync_pages_lock',
    type: 'spinlock_t',
    arch: 'x86',
    classes: ['kvm->arch->mmu_unsync_pages_lock'],
    protects: 'marking shadow pages unsync while mmu_lock is held for read',
    context: `${ATOMIC}, inside mmu_lock`,
  },
  {
    name: 'kvm_arch::tsc_write_lock',
    type: 'raw_spinlock_t',
    arch: 'x86',
    classes: ['ka->tsc_write_lock'],
    protects: 'the last write of a TSC, the first of its generation, the offsets in the VMCS',
    context: IRQS_OFF,
    comment: 'raw: two clocks are read and an offset computed in one go',
  },
  {
    name: 'kvm->arch.hyperv.hv_lock',
    type: 'mutex',
    arch: 'x86',
    classes: ['hv->hv_lock'],
    protects: 'the Hyper-V state of a VM, the state of its TSC page',
    context: SLEEPS,
  },
  {
    name: 'kvm->arch.xen.xen_lock',
    type: 'mutex',
    arch: 'x86',
    kernels: 'since 6.2; kvm->lock before',
    classes: ['kvm->arch.xen.xen_lock'],
    protects: 'the mapping of shared_info, the table of event channels',
    context: `${SLEEPS}, even inside a section of kvm->srcu`,
    comment: 'not held over synchronize_srcu(&kvm->srcu)',
  },
  {
    name: 'kvm->arch.apicv_update_lock',
    type: 'rw_semaphore',
    arch: 'x86',
    classes: ['kvm->arch.apicv_update_lock'],
    protects: 'apicv_inhibit_reasons against a vCPU that reads them',
    context: `${SLEEPS}; vCPUs take it inside a section of kvm->srcu`,
    comment: 'not held over synchronize_srcu(&kvm->srcu)',
  },
  {
    name: 'kvm->arch.apic_map_lock',
    type: 'mutex',
    arch: 'x86',
    classes: [],
    left: 'the map of APIC ids is not modelled: interrupts name their vCPU',
    protects: 'one rebuild of the map of APIC ids against another',
    context: `${SLEEPS}, even inside a section of kvm->srcu`,
  },
  {
    name: 'wakeup_vcpus_on_cpu_lock',
    type: 'raw_spinlock_t',
    arch: 'x86',
    kernels: 'blocked_vcpu_on_cpu_lock, a spinlock_t, up to 5.16',
    classes: ['percpu->wakeup_vcpus_on_cpu_lock', 'percpu->blocked_vcpu_on_cpu_lock'],
    protects: 'the vCPUs that sleep on a CPU until a posted interrupt',
    context: `${IRQS_OFF}; the handler of the wake-up vector takes it`,
    comment: 'one a CPU; raw, because a hard interrupt and the scheduler take it',
  },
  {
    name: 'ioapic->lock',
    type: 'spinlock_t',
    arch: 'x86',
    classes: ['kvm->arch.vioapic.lock'],
    protects: "the I/O APIC's registers",
    context: `${ATOMIC}; dropped around notifiers of acknowledgements`,
  },
  {
    name: 'pic->lock',
    type: 'spinlock_t',
    arch: 'x86',
    classes: [],
    left: 'the PIC is not modelled; it does as the I/O APIC does',
    protects: "the PIC's registers",
    context: ATOMIC,
  },
  {
    name: 'kvm->arch.track_notifier_head.track_srcu',
    type: 'srcu domain',
    arch: 'x86',
    classes: [],
    left: 'nobody but KVM itself tracks pages here',
    protects: 'the users of page tracking',
    context: 'readers may sleep',
  },
  {
    name: 'vcpu->async_pf.lock',
    type: 'spinlock_t',
    arch: 'x86',
    classes: [],
    left: 'asynchronous page faults are not modelled',
    protects: 'the queues of asynchronous page faults of a vCPU',
    context: ATOMIC,
  },
];

export const kvmLocks: readonly KvmLock[] = [...host, ...vm, ...x86];

/** The lock that a class of the model is; undefined for what is none of KVM's. */
export function lockOfClass(name: string): KvmLock | undefined {
  return byClass.get(name);
}

const byClass = new Map(kvmLocks.flatMap((lock) => lock.classes.map((name) => [name, lock] as const)));
