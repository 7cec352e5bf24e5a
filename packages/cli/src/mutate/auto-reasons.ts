/**
 * Why a site that survives `mutate --auto` is no finding: by its name, or by what kind of operation it is. A survivor that is
 * not here is one.
 */
export function reasonFor(site: string): {
  readonly verdict: 'survives' | 'elsewhere';
  readonly says: string;
} {
  const known = REASONS[site];
  if (known !== undefined) return { verdict: 'survives', says: known };
  if (ORDER_ONLY.test(site)) return { verdict: 'elsewhere', says: WEAKER_MACHINE };
  if (AFTER_ATOMIC.test(site)) return { verdict: 'elsewhere', says: ATOMIC_IS_FULL };
  return { verdict: 'survives', says: '' };
}

const ORDER_ONLY = /[:.](?:smpWmb|smpRmb|storeRelease|loadAcquire|rcuDereference|assign)(?: \(\d+\))?$/;
const AFTER_ATOMIC = /:smpMbAfterAtomic(?: \(\d+\))?$/;

const WEAKER_MACHINE =
  'x86 keeps this order by itself, and no plain data depends on it where scenarios come (that would be a data race): needs a weaker memory model';
const ATOMIC_IS_FULL = 'on x86 the atomic before it is a full barrier already: needs a weaker memory model';

const REASONS: Readonly<Record<string, string>> = {
  'x86/tdp-frozen.ts#tdp_mmu_zap_spte_atomic:kvm.frozenReleased.fetchAdd':
    'a count of the model on which faults wait; they ask only whether it moved, and it does',
  'x86/zap.ts#zapAll:root.spt.at(i).xchg':
    'the one-level table has no A and D bits, and mmu_lock is held for write: nobody else writes the entry',
  'x86/shadow/write-track.ts#account_shadowed:mmu.indirectShadowPages.fetchAdd':
    'written only under mmu_lock; the atomic is for those who read it without',
  'x86/shadow/write-track.ts#account_shadowed:mmu.frame.at(page.gfn).writeTracked.fetchAdd':
    'written only under mmu_lock; the atomic is for those who read it without',
  'x86/shadow/write-track.ts#unaccount_shadowed:mmu.indirectShadowPages.fetchAdd':
    'written only under mmu_lock; the atomic is for those who read it without',
  'virt/mmu-notifier.ts#kvm_mmu_notifier_invalidate_range_end:kvm.mnActiveInvalidateCount.fetchAdd':
    'mn_invalidate_lock is held around it: nobody else writes the count',
  'virt/mmu-notifier.ts#kvm_mmu_notifier_invalidate_range_end:kvm.mnInvalidateLock held':
    'the count is changed by one atomic operation, and nothing else is done under the lock here',
  'virt/mmu-notifier-change.ts#kvm_mmu_notifier_change_pte:kvm.mmuInvalidateSeq.fetchAdd':
    'mmu_lock is held for write: nobody else writes the sequence number',
};
