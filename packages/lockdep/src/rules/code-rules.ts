import { builtInRules } from './builtin.ts';
import { NOTIFIER, type Rule, type RuleBook, ruleKey } from './rule.ts';

/**
 * Rules that the code follows and its lock document does not state: each with the function where it can be read. An order
 * here is one that some path takes, and whose inverse would close a deadlock with it.
 */
const at = (place: string) => ({ document: place, line: 0 });

const order = (outer: string, inner: string, place: string): Rule => ({
  kind: 'order',
  outer,
  inner,
  source: at(place),
  says: `${outer} is taken outside ${inner}`,
});

const leaf = (lock: string, place: string): Rule => ({
  kind: 'leaf',
  lock,
  source: at(place),
  says: `no lock of KVM is taken inside ${lock}`,
});

const notInside = (lock: string, section: string, place: string): Rule => ({
  kind: 'not-inside',
  lock,
  section,
  source: at(place),
  says:
    section === NOTIFIER
      ? `${NOTIFIER} does not take ${lock}`
      : `${lock} is not taken inside a read section of ${section}`,
});

const dropped = (lock: string, domain: string, place: string): Rule => ({
  kind: 'synchronize',
  domain,
  lock,
  allowed: false,
  source: at(place),
  says: `${lock} is dropped before synchronize_srcu(&${domain})`,
});

const ORDERS: readonly Rule[] = [
  order('kvm_lock', 'kvm->slots_lock', 'set_nx_huge_pages, arch/x86/kvm/mmu/mmu.c'),
  order('kvm_lock', 'kvm->mmu_lock', 'mmu_shrink_scan, arch/x86/kvm/mmu/mmu.c'),
  order('cpus_read_lock()', 'kvm_count_lock', 'hardware_enable_all, virt/kvm/kvm_main.c of 6.1'),
  order('kvm->slots_lock', 'kvm->slots_arch_lock', 'kvm_set_memslot, virt/kvm/kvm_main.c'),
  order('kvm->slots_lock', 'kvm->mmu_lock', 'kvm_arch_commit_memory_region, arch/x86/kvm/x86.c'),
  order('kvm->slots_arch_lock', 'kvm->mn_invalidate_lock', 'kvm_swap_active_memslots, virt/kvm/kvm_main.c'),
  order('kvm->irq_lock', 'kvm->irqfds.lock', 'kvm_irq_routing_update, virt/kvm/eventfd.c'),
  order('kvm->irqfds.resampler_lock', 'kvm->irq_lock', 'kvm_irqfd_assign, virt/kvm/eventfd.c'),
  order('kvm->lock', 'kvm->irqfds.lock', 'kvm_set_irq_routing, virt/kvm/irqchip.c'),
  order('ctx->wqh.lock', 'kvm->irqfds.lock', 'irqfd_wakeup, virt/kvm/eventfd.c'),
  order('kvm->arch.xen.xen_lock', 'gpc->refresh_lock', 'kvm_xen_set_evtchn, arch/x86/kvm/xen.c'),
  order('gpc->refresh_lock', 'gpc->lock', 'kvm_gpc_refresh, virt/kvm/pfncache.c'),
  order('kvm->gpc_lock', 'gpc->lock', 'gfn_to_pfn_cache_invalidate_start, virt/kvm/pfncache.c'),
  order(
    'kvm->arch.apicv_update_lock',
    'kvm->mmu_lock',
    '__kvm_set_or_clear_apicv_inhibit, arch/x86/kvm/x86.c',
  ),
];

const OTHERS: readonly Rule[] = [
  leaf('kvm->mn_invalidate_lock', 'kvm_mmu_notifier_invalidate_range_start, virt/kvm/kvm_main.c'),
  leaf('kvm->ring_lock', 'coalesced_mmio_write, virt/kvm/coalesced_mmio.c'),
  leaf('gpc->lock', 'kvm_gpc_check, virt/kvm/pfncache.c'),
  leaf('kvm->arch.tdp_mmu_pages_lock', 'tdp_mmu_unlink_sp, arch/x86/kvm/mmu/tdp_mmu.c'),
  leaf('kvm->arch.mmu_unsync_pages_lock', 'mmu_try_to_unsync_pages, arch/x86/kvm/mmu/mmu.c'),
  leaf('kvm_arch::tsc_write_lock', 'kvm_synchronize_tsc, arch/x86/kvm/x86.c'),
  leaf('kvm_count_lock', 'hardware_enable_all, virt/kvm/kvm_main.c of 6.1'),
  leaf('wakeup_vcpus_on_cpu_lock', 'pi_wakeup_handler, arch/x86/kvm/vmx/posted_intr.c'),
  notInside('kvm->lock', NOTIFIER, 'kvm_mmu_notifier_invalidate_range_start, virt/kvm/kvm_main.c'),
  notInside('gpc->refresh_lock', NOTIFIER, 'hva_to_pfn_retry, virt/kvm/pfncache.c'),
  notInside('kvm->lock', 'kvm->irq_srcu', 'kvm_set_irq, virt/kvm/irqchip.c'),
  notInside('kvm->irqfds.resampler_lock', 'kvm->irq_srcu', 'irqfd_resampler_ack, virt/kvm/eventfd.c'),
  dropped('kvm->irq_lock', 'kvm->irq_srcu', 'kvm_unregister_irq_ack_notifier, virt/kvm/eventfd.c'),
  dropped('kvm->irqfds.lock', 'kvm->irq_srcu', 'irqfd_shutdown, virt/kvm/eventfd.c'),
  dropped('kvm->arch.xen.xen_lock', 'kvm->srcu', 'kvm_xen_eventfd_deassign, arch/x86/kvm/xen.c'),
  dropped('kvm->arch.apicv_update_lock', 'kvm->srcu', '__kvm_set_or_clear_apicv_inhibit, arch/x86/kvm/x86.c'),
  dropped('kvm->mmu_lock', 'kvm->srcu', 'kvm_mmu_zap_all_fast, arch/x86/kvm/mmu/mmu.c'),
];

/** The document's rules, and then the code's own. Of the document, its blanket leaf is left out: see docs/locking.md. */
export function kvmRules(): RuleBook {
  const { rules, ...rest } = builtInRules(null);
  const stated = rules.filter((r) => !(r.kind === 'leaf' && r.lock === null));
  const known = new Set(stated.map(ruleKey));
  return { ...rest, rules: [...stated, ...[...ORDERS, ...OTHERS].filter((r) => !known.has(ruleKey(r)))] };
}
