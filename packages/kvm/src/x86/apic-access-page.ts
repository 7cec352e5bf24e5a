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
import { invalidationCovers } from '../virt/invalidate-range.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { hvaOf, KVM_MEMSLOT_INVALID, type Memslot } from '../virt/memslots.ts';
import { makeRequest, Request } from '../virt/requests.ts';
import { apicAccessSlot } from './apic-access-slot.ts';
import type { Lapic } from './lapic-state.ts';

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
 * Since 2023: as a fault does it. If the host takes the page away meanwhile, it is asked again on the next entry. Returns
 * what must have changed by then.
 */
export function* loadAddressUnlessStale(vcpu: Vcpu, slot: Memslot): Task<readonly Seen[]> {
  const kvm = vcpu.kvm as Kvm;
  const hva = hvaOf(slot, slot.baseGfn);
  const seq = yield* kvm.mmuInvalidateSeq.readOnce();
  // Pairs with the write barrier of the notifier's end.
  order_seq_before_page: yield* smpRmb();
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
