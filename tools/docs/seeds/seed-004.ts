import { seed } from './sentence.ts';

export const seed004 = seed('004', 'arm64: handle hva aging while destroying the VM', {
  'the patch': [
    ['kvm_age_hva() may run while the release notifier runs'],
    ['Release sets pgd to NULL and aging dereferences it'],
    ['A check of pgd in stage2_get_pud() lets aging leave silently'],
  ],
  'first reply': [['mmu_lock is held from kvm_age_hva() down to the use, so one check at the top is enough']],
  'audit of the callers': [
    ['From user_mem_abort() pgd is never NULL, since the vCPU thread holds a reference on the VM'],
    ['From handle_access_fault() likewise'],
    ['kvm_set_spte_hva() may race in the same way, and already checks pgd'],
    ['Mapping the GIC happens from a running vCPU, so pgd is never NULL'],
    ['kvm_arch_prepare_memory_region() is an ioctl of the VM, which is not freed meanwhile'],
    ['Both aging handlers need the check'],
    ['There are no more races of this kind'],
    ['The check is valid only because mmu_lock orders it against kvm_free_stage2_pgd()'],
    ['Exactly the callers from MMU notifiers need it, since they run outside the context of the VM'],
  ],
  'second reply': [
    ['Stage-2 tables are freed only by the release notifier, reached in two ways'],
    ['They are freed under mmu_lock, which is dropped now and then'],
    ['From kvm_destroy_vm(): all references are gone, so no vCPU runs'],
    ['From do_exit(): a vCPU may still run while its pages are unmapped'],
    ['The cause is that KVM counts on the mm (mmgrab), not on its mappings (mmget)'],
    ['A vCPU that held the mappings would be safe all the way'],
  ],
  'third reply': [
    ['A running vCPU thread shares the mm, so exit_mmap() cannot run beside it'],
    ['One thread cannot handle a signal and an exit of the guest at the same time'],
  ],
});
