/**
 * @area apicv
 *
 * The APIC-access page: a page of the VMM's memory behind a private memslot at the APIC's frame, so that the frame has an
 * entry at which the hardware knows an access to the APIC. Nothing is ever stored in it. Intel's hardware compares host
 * frames, so each vCPU has to be told when the page moves.
 */
import { retryAfterChange, type Seen, smpRmb, type Task } from '@faultline/machine';
import { hvaToPfnPinned } from '../host/gup.ts';
import { type MmStruct, putPage } from '../host/mm.ts';
import { type Hva, PAGE_SIZE } from '../types.ts';
import { invalidationCovers } from '../virt/invalidate-range.ts';
import { makeAllCpusRequest } from '../virt/kick.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { setMemoryRegion } from '../virt/memory-region.ts';
import { hvaOf, KVM_MEMSLOT_INVALID, type Memslot, type Memslots } from '../virt/memslots.ts';
import { idToMemslot } from '../virt/memslots-search.ts';
import { makeRequest, Request } from '../virt/requests.ts';
import { ApicvVendor, type KvmArch } from './apicv-state.ts';
import type { Lapic } from './lapic-state.ts';

/** The second private id; TSS and identity map have the others. @kernel APIC_ACCESS_PAGE_PRIVATE_MEMSLOT arch/x86/include/asm/kvm_host.h */
export function apicAccessSlotId(kvm: Kvm): number {
  return kvm.config.userMemSlots + 1;
}

export function isApicAccessSlot(kvm: Kvm, slot: Memslot): boolean {
  return kvm.config.apicv !== ApicvVendor.NONE && slot.id === apicAccessSlotId(kvm);
}

/** Makes the slot, once a VM; `hva` is a page that user space gave for it. Returns 0 or a negative errno. @kernel kvm_alloc_apic_access_page arch/x86/kvm/lapic.c */
export function* allocApicAccessPage(kvm: Kvm, hva: Hva): Task<number> {
  const arch = kvm.arch as KvmArch;
  let result = 0;
  yield* kvm.slotsLock.lock();
  if (arch.apicAccessMemslotEnabled === 0) {
    result = yield* setMemoryRegion(kvm, {
      slot: apicAccessSlotId(kvm),
      flags: 0,
      guestPhysAddr: BigInt(kvm.config.apicGfn) * BigInt(PAGE_SIZE),
      memorySize: BigInt(PAGE_SIZE),
      userspaceAddr: BigInt(hva),
    });
    if (result === 0) arch.apicAccessMemslotEnabled = 1;
  }
  yield* kvm.slotsLock.unlock();
  return result;
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

/** On KVM_REQ_APIC_PAGE_RELOAD: the hardware of this vCPU is told the frame. @kernel vmx_set_apic_access_page_addr arch/x86/kvm/vmx/vmx.c */
export function* vcpuReloadApicAccessPage(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  const idx = yield* kvm.srcu.readLock();
  const slot = yield* apicAccessSlot(kvm);
  let waitFor: readonly Seen[] = [];
  if (slot !== null && (slot.flags & KVM_MEMSLOT_INVALID) === 0) {
    if (kvm.config.apicReloadByHook === 1) yield* loadAddress(vcpu, slot);
    else waitFor = yield* loadAddressUnlessStale(vcpu, slot);
  }
  yield* kvm.srcu.readUnlock(idx);
  // It would be served in vain until then.
  if (waitFor.length > 0) yield* retryAfterChange(waitFor);
}

/**
 * Since 6.4: as a fault does it. If the host takes the page away meanwhile, it is asked again on the next entry. Returns
 * what must have changed by then.
 */
export function* loadAddressUnlessStale(vcpu: Vcpu, slot: Memslot): Task<readonly Seen[]> {
  const kvm = vcpu.kvm as Kvm;
  const hva = hvaOf(slot, slot.baseGfn);
  const seq = yield* kvm.mmuInvalidateSeq.readOnce();
  // Pairs with the write barrier of the notifier's end.
  yield* smpRmb();
  const gup = yield* hvaToPfnPinned(kvm, hva, false);
  if (gup === null) return [];
  yield* kvm.mmuLock.readLock();
  const stale = invalidationCovers(kvm, hva) || (yield* kvm.mmuInvalidateSeq.readOnce()) !== seq;
  let retry = false;
  retry_stale_page: retry = stale;
  if (!retry) (vcpu.apic as Lapic).apicAccessAddr = gup.pfn;
  yield* kvm.mmuLock.readUnlock();
  if (retry) yield* makeRequest(vcpu, Request.APIC_PAGE_RELOAD);
  yield* putPage(kvm.mmStruct as MmStruct, gup.pfn);
  return retry ? [[kvm.mmuInvalidateSeq, seq]] : [];
}

/** 6.1: no second look. Whoever takes the page away asks again after it is gone, and the vCPU does not enter before. */
function* loadAddress(vcpu: Vcpu, slot: Memslot): Task {
  const kvm = vcpu.kvm as Kvm;
  const gup = yield* hvaToPfnPinned(kvm, hvaOf(slot, slot.baseGfn), false);
  if (gup === null) return;
  (vcpu.apic as Lapic).apicAccessAddr = gup.pfn;
  yield* putPage(kvm.mmStruct as MmStruct, gup.pfn);
}

/** Inside kvm->srcu. */
function* apicAccessSlot(kvm: Kvm): Task<Memslot | null> {
  const slots = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  return idToMemslot(slots, apicAccessSlotId(kvm));
}
