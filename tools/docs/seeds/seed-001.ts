import { seed } from './sentence.ts';

const APICV = { waits: 'APICv' };

export const seed001 = seed('001', "Use the vCPU's APICv status when handling the APIC_ACCESS memslot", {
  'commit message': [
    ["The vCPU's state may be stale against the VM's, but fits the fault that is handled", APICV],
    ["Using the VM's state is not broken either", APICV],
    [
      "The VM's state has no advantage, and retrying fits how the MMU behaves elsewhere",
      { none: 'weighs two correct ways' },
    ],
    [
      'Another vCPU may toggle APICv after the exit, and the fault is handled before the pending request',
      APICV,
    ],
    ['That race is benign in every case', APICV],
    ['Enabled for the VM, disabled for the vCPU: the handler emulates, which is right', APICV],
    [
      'Disabled for the VM, enabled for the vCPU: both outcomes are right, all vCPUs wait until the SPTEs are zapped',
      APICV,
    ],
    ['The fault first: no vCPU runs in the guest after the kick, so its bad SPTE is never used', APICV],
    ['The fault first: the bad SPTE is zapped before any vCPU enters the guest again', APICV],
    [
      'The request is raised before the state changes, so vCPUs block on apicv_update_lock until after the zap',
      APICV,
    ],
    ['The zap first: the fault gives up, because mmu_notifier_seq changed', APICV],
    ["With the VM's state an SPTE is likewise installed and zapped, or rejected", APICV],
    [
      'Checking the pending request in the handler would not be sufficient, since it does not hold mmu_lock',
      APICV,
    ],
    ['mmu_notifier_seq is required for correctness', APICV],
  ],
  'comment in the code': [
    ['Emulating without caching means that nothing has to be purged when AVIC comes back', APICV],
    ['The fault that gives up is retried after the request was served', APICV],
  ],
});
