/** Changes of the system that break rules of locks: for each rule that something breaks, what, and in which scenario. */
import { type Rule, ruleKey } from '@faultline/lockdep';
import type { Mutant } from '@faultline/scenarios';

export interface Breaker {
  /** Key of the rule. */
  readonly rule: string;
  /** A file of packages/kvm/variants, without `.ts`. */
  readonly variant: string;
  readonly scenario: string;
}

const before310 = { variant: 'before-310bc39546', scenario: 'xen/evtchn-deadlock' };
const UPDATE = 'memslots/notifier-meets-an-update';

/** Changes that are caught by what they lead to, and those whose rule is not the first that they break. */
const others: readonly Breaker[] = [
  { rule: 'order kvm->lock > vcpu->mutex', ...before310 },
  { rule: 'not-inside kvm->lock @ kvm->srcu', ...before310 },
  of(
    'order kvm->lock > kvm->slots_lock',
    'locks/kvm-lock-inside-slots-lock',
    'locks-kvm-lock-inside-slots-lock',
  ),
  of('order kvm->lock > kvm->irq_lock', 'locks/kvm-lock-inside-irq-lock', 'irq-kvm-lock-inside-irq-lock'),
  of('not-inside kvm->slots_lock @ an MMU notifier', UPDATE, 'notifier-takes-slots-lock'),
  of('not-inside kvm->slots_arch_lock @ an MMU notifier', UPDATE, 'notifier-takes-slots-arch-lock'),
  of(
    'not-inside vcpu->mutex @ kvm->srcu',
    'locks/section-waits-for-vcpu-mutex',
    'locks-interrupt-takes-vcpu-mutex',
  ),
  of(
    'not-inside kvm->slots_lock @ kvm->srcu',
    'locks/device-waits-for-slots-lock',
    'locks-device-takes-slots-lock',
  ),
  of(
    'synchronize kvm->srcu under kvm->slots_arch_lock false',
    'locks/rmaps-missing',
    'locks-arch-lock-over-grace-period',
  ),
  of(
    'order vcpu->mutex > kvm->arch.hyperv.hv_lock',
    'hyperv/hv-lock-outside-vcpu-mutex',
    'hyperv-hv-lock-outside-vcpu-mutex',
  ),
  of(
    'order vcpu->mutex > kvm->arch.xen.xen_lock',
    'xen/two-senders-wait-for-each-other',
    'xen-slow-path-takes-vcpu-mutex',
  ),
  of(
    'requires kvm->arch.tdp_mmu_pages_lock < kvm->mmu_lock',
    'mmu/root-freed-under-a-notifier',
    'locks-root-put-without-mmu-lock',
  ),
  of(
    'requires kvm->arch.mmu_unsync_pages_lock < kvm->mmu_lock',
    'shadow/sync-misses-a-write',
    'locks-unsync-without-mmu-lock',
  ),
  of(
    'order ctx->wqh.lock > kvm->irqfds.lock',
    'locks/eventfd-closed-under-an-assign',
    'irq-polled-under-irqfds-lock',
  ),
  of('not-inside kvm->lock @ kvm->irq_srcu', 'locks/deassign-waits-for-work', 'irq-delivered-inside-section'),
  of(
    'synchronize kvm->irq_srcu under kvm->irq_lock false',
    'locks/ack-waits-for-irq-lock',
    'irq-grace-period-under-irq-lock',
  ),
  of(
    'synchronize kvm->srcu under kvm->arch.xen.xen_lock false',
    'xen/port-closed-under-a-send',
    'xen-grace-period-under-lock',
  ),
  of(
    'synchronize kvm->srcu under kvm->arch.apicv_update_lock false',
    'apicv/inhibit-unnoticed',
    'apicv-grace-period-under-lock',
  ),
  of('leaf kvm->mn_invalidate_lock', UPDATE, 'notifier-arch-lock-inside-invalidate-lock'),
  of('leaf gpc->lock', 'xen/cache-of-another-page', 'xen-refresh-lock-inside-gpc-lock'),
  of(
    'leaf kvm->arch.tdp_mmu_pages_lock',
    'locks/vcpu-that-puts-a-root-waits-for-one-that-loads',
    'mmu-mmu-lock-inside-pages-lock',
  ),
  of(
    'leaf kvm->arch.mmu_unsync_pages_lock',
    'shadow/sync-misses-a-write',
    'shadow-mmu-lock-inside-unsync-lock',
  ),
];

/** All of them, with the changes of the catalogue that are caught by the rule itself. */
export function breakersOf(mutants: readonly Mutant[]): Breaker[] {
  const caught = mutants.flatMap(({ expect, variant = '' }) =>
    'rule' in expect ? [of(expect.rule, expect.caught, variant)] : [],
  );
  return [...others, ...caught];
}

/** Whether it says what may be done: then there is nothing to break. */
export function isPermission(rule: Rule): boolean {
  return rule.kind === 'may-inside' || (rule.kind === 'synchronize' && rule.allowed);
}

/** Why no scenario exercises a rule, where no path of the code does. */
export function whyUnexercised(rule: Rule): string {
  return NO_PATH.get(ruleKey(rule)) ?? '';
}

const NO_PATH: ReadonlyMap<string, string> = new Map([
  [
    'order kvm->slots_lock > kvm->irq_lock',
    'no path of 6.1 takes irq_lock with slots_lock held; the document states the order all the same',
  ],
]);

function of(rule: string, scenario: string, variant: string): Breaker {
  return { rule, scenario, variant };
}
