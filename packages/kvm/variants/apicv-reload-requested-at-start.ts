/** 6.1's way of reloading, asked for as the invalidation begins, when the host still has the page where it was. */
import type { Task } from '@faultline/machine';
import type { Hva } from '../src/types.ts';
import { makeAllCpusRequest } from '../src/virt/kick.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Memslot } from '../src/virt/memslots.ts';
import { Request } from '../src/virt/requests.ts';
import { isApicAccessSlot } from '../src/x86/apic-access-slot.ts';

/** @replaces packages/kvm/src/x86/apic-access-slot.ts#reloadAfterUnmap 4a299dae */
/** @kernel kvm_unmap_gfn_range arch/x86/kvm/mmu/mmu.c */
export function* reloadAfterUnmap(kvm: Kvm, slot: Memslot): Task {
  if (isApicAccessSlot(kvm, slot)) yield* makeAllCpusRequest(kvm, Request.APIC_PAGE_RELOAD);
}

/** @replaces packages/kvm/src/x86/apic-access-slot.ts#invalidateRangeHook c57992c0 */
/** @kernel kvm_arch_mmu_notifier_invalidate_range arch/x86/kvm/x86.c */
export function* invalidateRangeHook(_kvm: Kvm, _start: Hva, _end: Hva): Task {}
