/**
 * Each rule of the locks that says what is not done, broken once: by the change that a maintainer might make who has not
 * read it. Where another path takes the same locks in the order of the rule, that ends in a deadlock.
 */
import { type Mutant, SLEEPS } from '../mutant.ts';

interface Breaking {
  readonly name: string;
  readonly says: string;
  readonly variant: string;
  readonly scenario: string;
  readonly rule: string;
  readonly ends?: 'deadlock' | typeof SLEEPS;
}

const breaks = ({ name, says, variant, scenario, rule, ends }: Breaking): Mutant => ({
  name: `locks/${name}`,
  says,
  variant,
  against: [scenario],
  expect: { caught: scenario, rule, ...(ends === undefined ? {} : { ends }) },
});

const UPDATE = 'memslots/notifier-meets-an-update';
const COUNT = 'hw/cpu-goes-down-under-a-vm-before-6-3';
const IRQFD = 'locks/irqchip-waits-for-an-irqfd';
const VM_LIST = 'locks/vm-list-walked-as-a-vm-goes';

const ofTheHost: readonly Mutant[] = [
  breaks({
    name: 'hotplug-lock-inside-kvm-lock',
    says: 'A VM that is made takes kvm_lock before the hotplug lock; a CPU that comes up has the second and wants the first.',
    variant: 'hw-hotplug-lock-inside-kvm-lock',
    scenario: 'hw/new-cpu-missed',
    rule: 'order cpus_read_lock() > kvm_lock',
    ends: 'deadlock',
  }),
  breaks({
    name: 'usage-lock-inside-hotplug-lock',
    says: 'A CPU that comes up takes kvm_usage_lock, whose holder waits for the hotplug lock.',
    variant: 'hw-online-takes-usage-lock',
    scenario: 'hw/new-cpu-missed-since-6-12',
    rule: 'order kvm_usage_lock > cpus_read_lock()',
    ends: 'deadlock',
  }),
  breaks({
    name: 'hotplug-lock-inside-count-lock',
    says: 'A VM that is made takes the hotplug lock inside kvm_count_lock, for which a CPU that goes down waits.',
    variant: 'hw-hotplug-lock-inside-count-lock',
    scenario: COUNT,
    rule: 'order cpus_read_lock() > kvm_count_lock',
    ends: 'deadlock',
  }),
  breaks({
    name: 'kvm-lock-inside-count-lock',
    says: 'A VM that is made takes kvm_lock, which sleeps, inside kvm_count_lock.',
    variant: 'hw-kvm-lock-inside-count-lock',
    scenario: COUNT,
    rule: 'leaf kvm_count_lock',
    ends: SLEEPS,
  }),
  breaks({
    name: 'kvm-lock-inside-the-slots-lock-of-a-vm',
    says: 'A VM that goes takes its slots_lock before kvm_lock; a parameter of the module takes them the other way round.',
    variant: 'locks-kvm-lock-inside-slots-lock-of-a-vm',
    scenario: VM_LIST,
    rule: 'order kvm_lock > kvm->slots_lock',
    ends: 'deadlock',
  }),
  breaks({
    name: 'kvm-lock-inside-mmu-lock',
    says: 'A VM that goes takes kvm_lock inside its mmu_lock; whoever walks the list of VMs wants that of each.',
    variant: 'locks-kvm-lock-inside-mmu-lock',
    scenario: VM_LIST,
    rule: 'order kvm_lock > kvm->mmu_lock',
    ends: 'deadlock',
  }),
];

const ofSlots: readonly Mutant[] = [
  breaks({
    name: 'slots-lock-inside-arch-lock',
    says: 'A vCPU takes slots_lock inside slots_arch_lock; an update of the slots takes them the other way round.',
    variant: 'locks-slots-lock-inside-arch-lock',
    scenario: 'locks/rmaps-missing',
    rule: 'order kvm->slots_lock > kvm->slots_arch_lock',
    ends: 'deadlock',
  }),
  breaks({
    name: 'slots-lock-inside-mmu-lock',
    says: 'A notifier takes slots_lock inside mmu_lock, which whoever deletes a slot wants with slots_lock held.',
    variant: 'notifier-slots-lock-inside-mmu-lock',
    scenario: UPDATE,
    rule: 'order kvm->slots_lock > kvm->mmu_lock',
    ends: 'deadlock',
  }),
  breaks({
    name: 'arch-lock-inside-invalidate-lock',
    says: 'A notifier takes slots_arch_lock inside mn_invalidate_lock, which an update of the slots wants inside slots_arch_lock.',
    variant: 'notifier-arch-lock-inside-invalidate-lock',
    scenario: UPDATE,
    rule: 'order kvm->slots_arch_lock > kvm->mn_invalidate_lock',
    ends: 'deadlock',
  }),
  breaks({
    name: 'notifier-takes-kvm-lock',
    says: 'A notifier takes kvm->lock inside its section, for which whoever adds a device waits with kvm->lock held.',
    variant: 'notifier-takes-kvm-lock',
    scenario: 'locks/notifier-waits-for-a-device',
    rule: 'not-inside kvm->lock @ an MMU notifier',
    ends: 'deadlock',
  }),
  breaks({
    name: 'grace-period-under-mmu-lock',
    says: 'Logging starts, and faults are waited for with mmu_lock held, which they want.',
    variant: 'dirty-grace-period-under-mmu-lock',
    scenario: 'dirty/write-missed-when-logging-starts',
    rule: 'synchronize kvm->srcu under kvm->mmu_lock false',
    ends: 'deadlock',
  }),
  breaks({
    name: 'slots-lock-inside-ring-lock',
    says: 'A vCPU that writes to the ring of coalesced MMIO takes slots_lock, which sleeps, inside ring_lock.',
    variant: 'io-ring-writer-takes-slots-lock',
    scenario: 'io/coalesced-write-lost',
    rule: 'leaf kvm->ring_lock',
    ends: SLEEPS,
  }),
];

const ofTables: readonly Mutant[] = [
  breaks({
    name: 'mmu-lock-inside-pages-lock',
    says: 'A vCPU puts its root with mmu_lock taken inside tdp_mmu_pages_lock; one that loads a root takes them the other way round.',
    variant: 'mmu-mmu-lock-inside-pages-lock',
    scenario: 'locks/vcpu-that-puts-a-root-waits-for-one-that-loads',
    rule: 'order kvm->mmu_lock > kvm->arch.tdp_mmu_pages_lock',
    ends: 'deadlock',
  }),
  breaks({
    name: 'mmu-lock-inside-unsync-lock',
    says: 'A vCPU syncs its pages with mmu_lock taken inside mmu_unsync_pages_lock.',
    variant: 'shadow-mmu-lock-inside-unsync-lock',
    scenario: 'shadow/sync-misses-a-write',
    rule: 'order kvm->mmu_lock > kvm->arch.mmu_unsync_pages_lock',
  }),
  breaks({
    name: 'apicv-lock-inside-mmu-lock',
    says: 'A fault takes apicv_update_lock inside mmu_lock, which whoever turns APICv off wants with apicv_update_lock held.',
    variant: 'apicv-update-lock-inside-mmu-lock',
    scenario: 'apicv/stale-vm-state',
    rule: 'order kvm->arch.apicv_update_lock > kvm->mmu_lock',
    ends: 'deadlock',
  }),
];

const ofInterrupts: readonly Mutant[] = [
  breaks({
    name: 'irq-lock-inside-irqfds-lock',
    says: 'An irqfd takes irq_lock, which sleeps, inside irqfds.lock; an update of the routes takes them the other way round.',
    variant: 'irq-irq-lock-inside-irqfds-lock',
    scenario: IRQFD,
    rule: 'order kvm->irq_lock > kvm->irqfds.lock',
    ends: 'deadlock',
  }),
  breaks({
    name: 'kvm-lock-inside-irqfds-lock',
    says: 'A deassignment takes kvm->lock inside irqfds.lock; KVM_CREATE_IRQCHIP takes them the other way round.',
    variant: 'irq-kvm-lock-inside-irqfds-lock',
    scenario: IRQFD,
    rule: 'order kvm->lock > kvm->irqfds.lock',
    ends: 'deadlock',
  }),
  breaks({
    name: 'slots-lock-inside-irq-lock',
    says: 'An update of the routes takes slots_lock inside irq_lock. No path of 6.1 takes them the other way round.',
    variant: 'irq-slots-lock-inside-irq-lock',
    scenario: 'locks/kvm-lock-inside-irq-lock',
    rule: 'order kvm->slots_lock > kvm->irq_lock',
  }),
  breaks({
    name: 'grace-period-under-irqfds-lock',
    says: 'A deassignment waits for readers with irqfds.lock held, which a reader that assigns wants.',
    variant: 'irq-grace-period-under-irqfds-lock',
    scenario: 'locks/irqfd-freed-under-its-assign',
    rule: 'synchronize kvm->irq_srcu under kvm->irqfds.lock false',
    ends: 'deadlock',
  }),
  breaks({
    name: 'vcpu-mutex-inside-wakeup-lock',
    says: 'The handler of the wake-up vector takes vcpu->mutex, which sleeps.',
    variant: 'pi-handler-takes-vcpu-mutex',
    scenario: 'pi/posted-interrupt-lost',
    rule: 'leaf wakeup_vcpus_on_cpu_lock',
    ends: SLEEPS,
  }),
  breaks({
    name: 'kvm-lock-inside-tsc-lock',
    says: 'A write of a counter takes kvm->lock, which sleeps, inside tsc_write_lock.',
    variant: 'tsc-kvm-lock-inside-write-lock',
    scenario: 'tsc/offsets-differ-though-matched',
    rule: 'leaf kvm_arch::tsc_write_lock',
    ends: SLEEPS,
  }),
];

/** Where an interrupt takes a lock, or one that waits for it, tasks must not be interrupted with it held. */
const withInterruptsOn: readonly Mutant[] = [
  breaks({
    name: 'wakeup-lock-with-interrupts-on',
    says: 'A vCPU leaves its list with interrupts on, and the handler of the wake-up vector may come on the same CPU.',
    variant: 'pi-list-lock-without-irqsave',
    scenario: 'pi/posted-interrupt-lost',
    rule: 'irq-use wakeup_vcpus_on_cpu_lock',
  }),
  breaks({
    name: 'gpc-lock-with-interrupts-on',
    says: 'A notifier holds gpc->lock with interrupts on, and that of a device wants to read what it protects.',
    variant: 'xen-gpc-lock-with-irqs-on',
    scenario: 'locks/interrupt-of-a-device-lost',
    rule: 'irq-use gpc->lock',
  }),
  breaks({
    name: 'irqfds-lock-with-interrupts-on',
    says: 'An interrupt wants the lock of a wait queue, whose holder waits for irqfds.lock, which the task below it holds.',
    variant: 'irq-irqfds-lock-with-irqs-on',
    scenario: 'locks/interrupt-of-a-device-as-its-irqfd-goes',
    rule: 'irq-order ctx->wqh.lock > kvm->irqfds.lock',
  }),
];

const ofCaches: readonly Mutant[] = [
  breaks({
    name: 'xen-lock-inside-refresh-lock',
    says: 'A vCPU takes xen_lock inside refresh_lock; an ioctl that points vcpu_info elsewhere takes them the other way round.',
    variant: 'xen-lock-inside-refresh-lock',
    scenario: 'xen/noted-word-dropped',
    rule: 'order kvm->arch.xen.xen_lock > gpc->refresh_lock',
  }),
  breaks({
    name: 'refresh-lock-inside-gpc-lock',
    says: 'A refresh takes refresh_lock inside gpc->lock, which the one before it wants again.',
    variant: 'xen-refresh-lock-inside-gpc-lock',
    scenario: 'xen/cache-of-another-page',
    rule: 'order gpc->refresh_lock > gpc->lock',
    ends: 'deadlock',
  }),
  breaks({
    name: 'gpc-list-lock-inside-gpc-lock',
    says: 'A cache leaves the list inside its own lock, which a notifier wants that walks the list.',
    variant: 'xen-gpc-list-inside-gpc-lock',
    scenario: 'locks/notifier-waits-for-a-cache',
    rule: 'order kvm->gpc_lock > gpc->lock',
    ends: 'deadlock',
  }),
  breaks({
    name: 'notifier-takes-refresh-lock',
    says: 'A notifier takes refresh_lock, whose holder waits until no notifier is under way.',
    variant: 'xen-notifier-takes-refresh-lock',
    scenario: 'xen/event-lost-in-a-frame-just-mapped',
    rule: 'not-inside gpc->refresh_lock @ an MMU notifier',
    ends: 'deadlock',
  }),
];

export const lockRuleMutants: readonly Mutant[] = [
  ...ofTheHost,
  ...ofSlots,
  ...ofTables,
  ...ofInterrupts,
  ...ofCaches,
  ...withInterruptsOn,
];
