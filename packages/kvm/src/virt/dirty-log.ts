/**
 * @area memslots
 *
 * Remembering that a page was written. Inside a read section of kvm->srcu: the bitmap lives as long as its slot.
 */
import type { Task } from '@faultline/machine';
import { EFAULT } from '../errno.ts';
import type { HostMemory } from '../host/memory.ts';
import { hvaToPfn } from '../host/memory.ts';
import type { Gfn } from '../types.ts';
import { setDirty } from './dirty-bitmap.ts';
import type { Kvm, Vcpu } from './kvm.ts';
import { hvaOf, KVM_MEM_READONLY, KVM_MEMSLOT_INVALID, type Memslot } from './memslots.ts';
import { vcpuGfnToMemslot } from './vcpu-memslots.ts';

/** @kernel mark_page_dirty_in_slot virt/kvm/kvm_main.c */
export function* markPageDirtyInSlot(_vcpu: Vcpu, slot: Memslot, gfn: Gfn): Task {
  const bitmap = slot.dirtyBitmap;
  if (bitmap !== null) yield* setDirty(bitmap, gfn - slot.baseGfn);
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
  const memory = (vcpu.kvm as Kvm).memory as HostMemory;
  const pfn = hvaToPfn(memory, hvaOf(slot, gfn));
  if (pfn === null) return -EFAULT;
  yield* memory.content.at(pfn).writeOnce(value);
  yield* markPageDirtyInSlot(vcpu, slot, gfn);
  return 0;
}
