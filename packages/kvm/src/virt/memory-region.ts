/**
 * @area memslots
 *
 * KVM_SET_USER_MEMORY_REGION: every check in the kernel's order, then one of four changes. All error returns come
 * before the first write.
 */
import type { Task } from '@faultline/machine';
import { EEXIST, EINVAL, EIO } from '../errno.ts';
import { type Gfn, type Hva, PAGE_SHIFT, PAGE_SIZE } from '../types.ts';
import type { Kvm } from './kvm.ts';
import {
  KVM_MEM_LOG_DIRTY_PAGES,
  KVM_MEM_MAX_NR_PAGES,
  KVM_MEM_READONLY,
  type Memslot,
  type Memslots,
} from './memslots.ts';
import { idToMemslot, memslotsOf } from './memslots-search.ts';
import { Change, type Region, setMemslot } from './set-memslot.ts';
import { setMemslotFlat } from './set-memslot-flat.ts';

/** @kernel struct kvm_userspace_memory_region include/uapi/linux/kvm.h */
export interface UserspaceMemoryRegion {
  /** Low 16 bits: slot id; high 16 bits: address space. */
  readonly slot: number;
  readonly flags: number;
  readonly guestPhysAddr: bigint;
  /** Bytes; 0 deletes the slot. */
  readonly memorySize: bigint;
  readonly userspaceAddr: bigint;
}

/** Private slots above the ids of user space: TSS, APIC access page, identity map. */
export const PRIVATE_MEM_SLOTS = 3;
const SUPPORTED_FLAGS = KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY;
/** First address that user space cannot have: a page below the end of its half. @kernel TASK_SIZE_MAX arch/x86/include/asm/page_64.h */
const TASK_SIZE_MAX = (1n << 47n) - BigInt(PAGE_SIZE);
const TWO_64 = 1n << 64n;
const PAGE_MASK = 0xfffn;

/**
 * The ioctl. `mm` is the caller's; another than the VM's creator is refused, because the notifiers watch the creator's.
 * Returns 0 or a negative errno.
 *
 * @kernel kvm_vm_ioctl_set_memory_region virt/kvm/kvm_main.c
 */
export function* setUserMemoryRegion(kvm: Kvm, mem: UserspaceMemoryRegion, mm = kvm.mm): Task<number> {
  refuse_foreign_mm: if (mm !== kvm.mm) return -EIO;
  if ((yield* kvm.vmDead.readOnce()) !== 0) return -EIO;
  if ((mem.slot & 0xffff) >= kvm.config.userMemSlots) return -EINVAL;
  yield* kvm.slotsLock.lock();
  const result = yield* setMemoryRegion(kvm, mem);
  yield* kvm.slotsLock.unlock();
  return result;
}

/** Under slots_lock; private ids are allowed here. @kernel __kvm_set_memory_region virt/kvm/kvm_main.c */
export function* setMemoryRegion(kvm: Kvm, mem: UserspaceMemoryRegion): Task<number> {
  const invalid = checkArguments(kvm, mem);
  if (invalid !== 0) return invalid;
  const region = decodeRegion(mem);
  const slots = (yield* kvm.memslots.at(region.asId).rcuDereference()) as Memslots;
  const old = idToMemslot(slots, region.id);
  const change = decideChange(kvm, slots, old, region);
  if (change <= 0) return change;
  return kvm.config.flatMemslots === 1
    ? yield* setMemslotFlat(kvm, slots, old, region, change)
    : yield* setMemslot(kvm, old, region, change);
}

/** Checks that look at the arguments alone, in the kernel's order. */
function checkArguments(kvm: Kvm, mem: UserspaceMemoryRegion): number {
  const { slot, flags, guestPhysAddr, memorySize, userspaceAddr } = mem;
  if ((flags & ~SUPPORTED_FLAGS) !== 0) return -EINVAL;
  if ((memorySize & PAGE_MASK) !== 0n) return -EINVAL;
  if ((guestPhysAddr & PAGE_MASK) !== 0n) return -EINVAL;
  if ((userspaceAddr & PAGE_MASK) !== 0n || !accessOk(userspaceAddr, memorySize)) return -EINVAL;
  const ids = kvm.config.userMemSlots + PRIVATE_MEM_SLOTS;
  if (slot >>> 16 >= kvm.config.addressSpaces || (slot & 0xffff) >= ids) return -EINVAL;
  if (guestPhysAddr + memorySize >= TWO_64) return -EINVAL;
  if (memorySize >> BigInt(PAGE_SHIFT) > BigInt(KVM_MEM_MAX_NR_PAGES)) return -EINVAL;
  return 0;
}

function decodeRegion(mem: UserspaceMemoryRegion): Region {
  return {
    id: mem.slot & 0xffff,
    asId: mem.slot >>> 16,
    flags: mem.flags,
    baseGfn: Number(mem.guestPhysAddr >> BigInt(PAGE_SHIFT)) as Gfn,
    npages: Number(mem.memorySize >> BigInt(PAGE_SHIFT)),
    userspaceAddr: Number(mem.userspaceAddr) as Hva,
  };
}

/** One of the four changes, 0 for nothing to do, or a negative errno. */
function decideChange(kvm: Kvm, slots: Memslots, old: Memslot | null, region: Region): number {
  if (region.npages === 0) {
    if (old === null || old.npages === 0) return -EINVAL;
    return kvm.nrMemslotPages < old.npages ? -EIO : Change.DELETE;
  }
  const change = old === null ? checkCreate(kvm, region) : checkModify(old, region);
  if (change !== Change.CREATE && change !== Change.MOVE) return change;
  if (overlaps(slots, region)) return -EEXIST;
  return region.baseGfn + region.npages > kvm.config.maxGfn ? -EINVAL : change;
}

function checkCreate(kvm: Kvm, region: Region): number {
  return kvm.nrMemslotPages + region.npages > Number.MAX_SAFE_INTEGER ? -EINVAL : Change.CREATE;
}

function checkModify(old: Memslot, region: Region): number {
  if (region.userspaceAddr !== old.userspaceAddr || region.npages !== old.npages) return -EINVAL;
  if (((region.flags ^ old.flags) & KVM_MEM_READONLY) !== 0) return -EINVAL;
  if (region.baseGfn !== old.baseGfn) return Change.MOVE;
  return region.flags !== old.flags ? Change.FLAGS_ONLY : Change.NONE;
}

/** Whether another slot of the address space has one of these frames. @kernel kvm_check_memslot_overlap virt/kvm/kvm_main.c */
function overlaps(slots: Memslots, region: Region): boolean {
  return memslotsOf(slots).some(
    (slot) =>
      slot.id !== region.id &&
      region.baseGfn < slot.baseGfn + slot.npages &&
      slot.baseGfn < region.baseGfn + region.npages,
  );
}

/** @kernel access_ok arch/x86/include/asm/uaccess.h */
function accessOk(addr: bigint, size: bigint): boolean {
  return addr + size <= TASK_SIZE_MAX;
}
