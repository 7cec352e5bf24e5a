/** Which sentences of seed 004 each pair of the audit settles. */
import type { Claim } from '@faultline/machine';

const holds = (n: number, says: string): Claim => ({ seed: `004.${n}`, says, verdict: 'holds' });
const partly = (n: number, says: string, but: string): Claim => ({
  seed: `004.${n}`,
  says,
  verdict: 'holds in part',
  but,
});

const OWN_TASK =
  'the reference answers for the last close only; against exit_mmap() it is the task itself that keeps the mappings';
const FAULT = 'From user_mem_abort() pgd is never NULL, since the vCPU thread holds a reference on the VM';

const ON_EXIT: Readonly<Record<string, readonly Claim[]>> = {
  'huge-fault': [partly(5, FAULT, OWN_TASK)],
  fault: [partly(5, FAULT, OWN_TASK)],
  'access-fault': [partly(6, 'From handle_access_fault() likewise', OWN_TASK)],
  'vgic-mapping': [holds(8, 'Mapping the GIC happens from a running vCPU, so pgd is never NULL')],
  'device-slot': [
    holds(9, 'kvm_arch_prepare_memory_region() is an ioctl of the VM, which is not freed meanwhile'),
  ],
  'changed-pte': [holds(7, 'kvm_set_spte_hva() may race in the same way, and already checks pgd')],
  age: [
    holds(1, 'kvm_age_hva() may run while the release notifier runs'),
    holds(2, 'Release sets pgd to NULL and aging dereferences it'),
    holds(3, 'A check of pgd in stage2_get_pud() lets aging leave silently'),
    holds(4, 'mmu_lock is held from kvm_age_hva() down to the use, so one check at the top is enough'),
    holds(12, 'The check is valid only because mmu_lock orders it against kvm_free_stage2_pgd()'),
  ],
  look: [holds(10, 'Both aging handlers need the check')],
  unmap: [
    holds(11, 'There are no more races of this kind'),
    partly(
      13,
      'Exactly the callers from MMU notifiers need it, since they run outside the context of the VM',
      'unmapping is such a caller too: it looks at pgd before each entry, which is as good',
    ),
  ],
};

const ON_CLOSE: Readonly<Record<string, readonly Claim[]>> = {
  fault: [holds(16, 'From kvm_destroy_vm(): all references are gone, so no vCPU runs')],
};

export function claimsOf(name: string, exit: boolean): readonly Claim[] {
  return (exit ? ON_EXIT : ON_CLOSE)[name] ?? [];
}
