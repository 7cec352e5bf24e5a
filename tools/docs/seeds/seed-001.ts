import { seed } from './sentence.ts';

export const seed001 = seed('001', "Use the vCPU's APICv status when handling the APIC_ACCESS memslot", {
  'commit message': [
    ["The vCPU's state may be stale against the VM's, but fits the fault that is handled"],
    ["Using the VM's state is not broken either"],
    ["The VM's state has no meaningful advantage, and retrying fits how the MMU behaves elsewhere"],
    ['Another vCPU may toggle APICv after the exit, and the fault is handled before the pending request'],
    ['That race is benign in every case'],
    ['Enabled for the VM, disabled for the vCPU: the handler emulates, which is right'],
    [
      'Disabled for the VM, enabled for the vCPU: both outcomes are right, all vCPUs wait until the SPTEs are zapped',
    ],
    ['The fault first: no vCPU runs in the guest after the kick, so its bad SPTE is never used'],
    ['The fault first: the bad SPTE is zapped before any vCPU enters the guest again'],
    [
      'The request is raised before the state changes, so vCPUs block on apicv_update_lock until after the zap',
    ],
    ['The zap first: the fault gives up, because mmu_notifier_seq changed'],
    ["With the VM's state an SPTE is likewise installed and zapped, or rejected"],
    ['Checking the pending request in the handler would not be sufficient, since it does not hold mmu_lock'],
    ['mmu_notifier_seq is required for correctness'],
  ],
  'comment in the code': [
    ['Emulating without caching means that nothing has to be purged when AVIC comes back'],
    ['The fault that gives up is retried after the request was served'],
  ],
});
