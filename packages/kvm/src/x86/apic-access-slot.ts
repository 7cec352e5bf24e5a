/**
 * @area apicv
 *
 * The private memslot behind the APIC's frame, and telling vCPUs that the host takes its page away.
 */
import type { Task } from '@faultline/machine';
import type { Hva } from '../types.ts';
import { makeAllCpusRequest } from '../virt/kick.ts';
import type { Kvm } from '../virt/kvm.ts';
import { hvaOf, type Memslot, type Memslots } from '../virt/memslots.ts';
import { idToMemslot } from '../virt/memslots-search.ts';
import { Request } from '../virt/requests.ts';
import { ApicvVendor } from './apicv-state.ts';

/** The second private id; TSS and identity map have the others. @kernel APIC_ACCESS_PAGE_PRIVATE_MEMSLOT arch/x86/include/asm/kvm_host.h */
export function apicAccessSlotId(kvm: Kvm): number {
  return kvm.config.userMemSlots + 1;
}

export function isApicAccessSlot(kvm: Kvm, slot: Memslot): boolean {
  return kvm.config.apicv !== ApicvVendor.NONE && slot.id === apicAccessSlotId(kvm);
}

/** Inside kvm->srcu. */
export function* apicAccessSlot(kvm: Kvm): Task<Memslot | null> {
  const slots = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  return idToMemslot(slots, apicAccessSlotId(kvm));
}

/** The host begins to take away what backs the slot. Under mmu_lock held for write. @kernel kvm_unmap_gfn_range arch/x86/kvm/mmu/mmu.c */
export function* reloadAfterUnmap(kvm: Kvm, slot: Memslot): Task {
  if (kvm.config.apicv !== ApicvVendor.VMX || kvm.config.apicReloadByHook === 1) return;
  if (!isApicAccessSlot(kvm, slot)) return;
  request_page_reload: yield* makeAllCpusRequest(kvm, Request.APIC_PAGE_RELOAD);
}

/** The host has let go of [start, end): what 6.1 is told between the change and the end of an invalidation. Inside kvm->srcu. @kernel kvm_arch_mmu_notifier_invalidate_range arch/x86/kvm/x86.c */
export function* invalidateRangeHook(kvm: Kvm, start: Hva, end: Hva): Task {
  if (kvm.config.apicv !== ApicvVendor.VMX || kvm.config.apicReloadByHook === 0) return;
  const slot = yield* apicAccessSlot(kvm);
  if (slot === null) return;
  const hva = hvaOf(slot, slot.baseGfn);
  if (hva < start || hva >= end) return;
  request_page_reload_by_hook: yield* makeAllCpusRequest(kvm, Request.APIC_PAGE_RELOAD);
}
