/**
 * @area memslots
 *
 * Remembering that a page was written. Inside a read section of kvm->srcu: the bitmap lives as long as its slot.
 */
import type { Task } from '@faultline/machine';
import { EFAULT } from '../errno.ts';
import { hvaToPfnPinned } from '../host/gup.ts';
import type { HostMemory } from '../host/memory.ts';
import { hvaToPfn } from '../host/memory.ts';
import { type MmStruct, putPage, setPfnDirty } from '../host/mm.ts';
import type { Gfn, Hva } from '../types.ts';
import { setDirty } from './dirty-bitmap.ts';
import { dirtyRingPush } from './dirty-ring.ts';
import type { Kvm, Vcpu } from './kvm.ts';
import {
  hvaOf,
  KVM_MEM_LOG_DIRTY_PAGES,
  KVM_MEM_READONLY,
  KVM_MEMSLOT_INVALID,
  type Memslot,
} from './memslots.ts';
import { vcpuGfnToMemslot } from './vcpu-memslots.ts';

/** A write that no vCPU makes (`vcpu` null) is not logged. @kernel mark_page_dirty_in_slot, mark_page_dirty virt/kvm/kvm_main.c */
export function* markPageDirtyInSlot(vcpu: Vcpu | null, slot: Memslot, gfn: Gfn): Task {
  if (vcpu === null) return;
  const bitmap = slot.dirtyBitmap;
  if (bitmap !== null) yield* setDirty(bitmap, gfn - slot.baseGfn);
  else if ((slot.flags & KVM_MEM_LOG_DIRTY_PAGES) !== 0 && vcpu.dirtyRing !== null) {
    yield* dirtyRingPush(vcpu.dirtyRing, (slot.asId << 16) | slot.id, gfn - slot.baseGfn);
  }
}

/**
 * KVM writes guest memory on behalf of a vCPU (emulation, paravirtual clocks), and logs the page. Returns 0 or -EFAULT.
 *
 * @kernel kvm_vcpu_write_guest virt/kvm/kvm_main.c
 */
export function* writeGuest(vcpu: Vcpu, gfn: Gfn, value: bigint): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const idx = yield* kvm.srcu.readLock();
  const result = yield* writeGuestPage(vcpu, yield* vcpuGfnToMemslot(vcpu, gfn), gfn, value);
  yield* kvm.srcu.readUnlock(idx);
  return result;
}

function* writeGuestPage(vcpu: Vcpu, slot: Memslot | null, gfn: Gfn, value: bigint): Task<number> {
  if (slot === null || (slot.flags & (KVM_MEMSLOT_INVALID | KVM_MEM_READONLY)) !== 0) return -EFAULT;
  if (!(yield* storeInFrame(vcpu.kvm as Kvm, hvaOf(slot, gfn), value))) return -EFAULT;
  yield* markPageDirtyInSlot(vcpu, slot, gfn);
  return 0;
}

/** @kernel __copy_to_user_inatomic arch/x86/include/asm/uaccess.h */
export function* storeInFrame(kvm: Kvm, hva: Hva, value: bigint): Task<boolean> {
  if (kvm.mmStruct === null) {
    const memory = kvm.memory as HostMemory;
    const pfn = hvaToPfn(memory, hva);
    if (pfn !== null) yield* memory.content.at(pfn).writeOnce(value);
    return pfn !== null;
  }
  const mm = kvm.mmStruct as MmStruct;
  const gup = yield* hvaToPfnPinned(kvm, hva, true);
  if (gup === null) return false;
  yield* mm.page.at(gup.pfn).content.writeOnce(value);
  yield* setPfnDirty(mm, gup.pfn);
  yield* putPage(mm, gup.pfn);
  return true;
}
