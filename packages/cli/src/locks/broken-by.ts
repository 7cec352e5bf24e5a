/** Changes of the system that break rules of locks: for each rule that something breaks, what, and in which scenario. */
export interface Breaker {
  /** Key of the rule. */
  readonly rule: string;
  /** A file of packages/kvm/variants, without `.ts`. */
  readonly variant: string;
  readonly scenario: string;
}

const before310 = { variant: 'before-310bc39546', scenario: 'xen/evtchn-deadlock' };

export const breakers: readonly Breaker[] = [
  { rule: 'order kvm->lock > vcpu->mutex', ...before310 },
  { rule: 'not-inside kvm->lock @ kvm->srcu', ...before310 },
];
