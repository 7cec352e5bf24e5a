/**
 * @area shadow
 *
 * The guest's own page tables: words of guest memory. Entries are x86's: P 0, W 1, U 2, A 5, D 6, PS 7, frame 12-51. Swap
 * and migration of the model keep only the first word of a page, so tables are not to be moved.
 */
import { at, type Cell, type Task } from '@faultline/machine';
import type { HostMemory } from '../../host/memory.ts';
import { type MmStruct, PTE_PRESENT, ptePfn, setPfnDirty } from '../../host/mm.ts';
import { type Gfn, PAGE_SIZE, type Pfn } from '../../types.ts';
import { markPageDirtyInSlot } from '../../virt/dirty-log.ts';
import type { Kvm, Vcpu } from '../../virt/kvm.ts';
import { contains, hvaOf, type Memslot, type Memslots } from '../../virt/memslots.ts';
import { searchVcpuMemslots } from '../../virt/vcpu-memslots.ts';
import { entriesOf, framesAt } from '../tdp-geometry.ts';
import { guestMmuOf } from './shadow-mmu.ts';

export const PT_PRESENT = 1n;
export const PT_WRITE = 1n << 1n;
export const PT_USER = 1n << 2n;
export const PT_ACCESSED = 1n << 5n;
export const PT_DIRTY = 1n << 6n;
/** At level 2: a huge page. */
export const PT_LARGE = 1n << 7n;

/** What an entry allows besides reading. @kernel ACC_WRITE_MASK, ACC_USER_MASK arch/x86/kvm/mmu/mmu_internal.h */
export const ACC_WRITE = 2;
export const ACC_USER = 4;
export const ACC_ALL = ACC_WRITE | ACC_USER;

/** An entry of a table of the guest. */
export function makeGpte(gfn: number, flags = PT_PRESENT | PT_WRITE | PT_USER): bigint {
  return (BigInt(gfn) << 12n) | flags;
}

/** @kernel gpte_to_gfn arch/x86/kvm/mmu/paging_tmpl.h */
export function gpteGfn(gpte: bigint): Gfn {
  return Number((gpte >> 12n) & ((1n << 40n) - 1n)) as Gfn;
}

/** @kernel FNAME(gpte_access) arch/x86/kvm/mmu/paging_tmpl.h */
export function gpteAccess(gpte: bigint): number {
  return Number(gpte & BigInt(ACC_ALL));
}

/** Index of a page of virtual memory in the table of this level. */
export function guestIndex(kvm: Kvm, page: number, level: number): number {
  return (page >>> ((level - 1) * kvm.config.tdpIndexBits)) & (entriesOf(kvm) - 1);
}

/** Word `word` of a host frame. The first is the content that swap and migration keep. */
export function frameWord(kvm: Kvm, pfn: Pfn, word: number): Cell<bigint> {
  if (word === 0) return (kvm.mmStruct as MmStruct).page.at(pfn).content;
  return (kvm.memory as HostMemory).content.at(pfn * entriesOf(kvm) + word);
}

/** What a walk of the guest's tables found. @kernel struct guest_walker arch/x86/kvm/mmu/paging_tmpl.h */
export interface GuestWalker {
  /** Frame of the page that was asked for, also inside a huge one. */
  readonly gfn: Gfn;
  /** 2 for a huge page. */
  readonly level: number;
  /** What the whole walk allows; writing only once the leaf is dirty. */
  readonly access: number;
  /** By level: the table's frame, what the entries above allow, and the entry as it was last seen. */
  readonly tables: readonly Gfn[];
  readonly accesses: readonly number[];
  readonly gptes: readonly bigint[];
}

/** What is asked of a walk. */
export interface GuestAccess {
  /** Page of virtual memory. */
  readonly page: number;
  readonly write: boolean;
}

/**
 * Walks as the hardware does, sets A on the way, and D for a write. Null: the guest gets a page fault of its own. Inside
 * kvm->srcu, without mmu_lock: what was read may change at once.
 *
 * @kernel FNAME(walk_addr_generic) arch/x86/kvm/mmu/paging_tmpl.h
 */
export function* walkAddr(memory: GuestMemory, access: GuestAccess): Task<GuestWalker | null> {
  for (;;) {
    const walker = yield* walkOnce(memory, access);
    if (walker !== 'changed') return walker;
  }
}

function* walkOnce(memory: GuestMemory, { page, write }: GuestAccess): Task<GuestWalker | null | 'changed'> {
  const { vcpu } = memory;
  const kvm = vcpu.kvm as Kvm;
  const tables: Gfn[] = [];
  const accesses: number[] = [];
  const gptes: bigint[] = [];
  let gfn = guestMmuOf(vcpu).cr3;
  let access = ACC_ALL;
  let level = kvm.config.tdpLevels;
  for (; ; level--) {
    const gpte = yield* readGpte(memory, gfn, guestIndex(kvm, page, level));
    if (gpte === null || (gpte & PT_PRESENT) === 0n) return null;
    tables[level] = gfn;
    accesses[level] = access;
    gptes[level] = gpte;
    access &= gpteAccess(gpte);
    gfn = gpteGfn(gpte);
    if (isLastGpte(gpte, level)) break;
  }
  if (write && (access & ACC_WRITE) === 0) return null;
  if (guestMmuOf(vcpu).user === 1 && (access & ACC_USER) === 0) return null;
  for (let at = kvm.config.tdpLevels; at >= level; at--) {
    const bits = PT_ACCESSED | (write && at === level ? PT_DIRTY : 0n);
    const noted = yield* noteInGpte(
      vcpu,
      memory,
      tables[at] as Gfn,
      guestIndex(kvm, page, at),
      gptes[at] as bigint,
      bits,
    );
    if (noted === null) return 'changed';
    gptes[at] = noted;
  }
  const leaf = gptes[level] as bigint;
  const pages = framesAt(kvm, level);
  return {
    gfn: ((level === 1 ? gfn : gfn - (gfn % pages)) + (page % pages)) as Gfn,
    level,
    access: protectCleanGpte(access, leaf),
    tables,
    accesses,
    gptes,
  };
}

/** Without tables of its own the guest's address is what it says. */
export function* walkGuest(memory: GuestMemory, page: number, write: boolean): Task<GuestWalker | null> {
  if (guestMmuOf(memory.vcpu).paging === 1) return yield* walkAddr(memory, { page, write });
  const level = (memory.vcpu.kvm as Kvm).config.tdpLevels + 1;
  return { gfn: page as Gfn, level, access: ACC_ALL, tables: [], accesses: [], gptes: [] };
}

/** @kernel FNAME(is_last_gpte) arch/x86/kvm/mmu/mmu.c */
export function isLastGpte(gpte: bigint, level: number): boolean {
  return level === 1 || (level === 2 && (gpte & PT_LARGE) !== 0n);
}

/** The first write to a page has to set D in the guest's entry, so until then the shadow does not allow it. @kernel FNAME(protect_clean_gpte) arch/x86/kvm/mmu/paging_tmpl.h */
export function protectCleanGpte(access: number, gpte: bigint): number {
  let allowed = access;
  protect_clean_gpte: if ((gpte & PT_DIRTY) === 0n) allowed &= ~ACC_WRITE;
  return allowed;
}

/** Sets bits in an entry unless it has changed since it was read; null if it has. @kernel FNAME(update_accessed_dirty_bits) arch/x86/kvm/mmu/paging_tmpl.h */
function* noteInGpte(
  vcpu: Vcpu,
  memory: GuestMemory,
  table: Gfn,
  index: number,
  old: bigint,
  bits: bigint,
): Task<bigint | null> {
  if ((old & bits) === bits) return old;
  const kvm = vcpu.kvm as Kvm;
  const pfn = yield* frameBehind(memory, table);
  if (pfn === null) return null;
  const seen = yield* frameWord(kvm, pfn, index).cmpxchg(old, old | bits, at('shadow.note_in_gpte'));
  if (seen !== old) return null;
  yield* setPfnDirty(kvm.mmStruct as MmStruct, pfn);
  yield* markPageDirtyInSlot(vcpu, memory.slot as Memslot, table);
  return old | bits;
}

/**
 * The memory of the guest, as KVM reads it in one exit: through the VMM's own mapping, so that no reference to a frame is
 * needed. The slot that was found last is asked first.
 */
export interface GuestMemory {
  readonly vcpu: Vcpu;
  readonly slots: Memslots;
  slot: Memslot | null;
}

/** Inside kvm->srcu, or under slots_lock. */
export function guestMemory(vcpu: Vcpu, slots: Memslots): GuestMemory {
  return { vcpu, slots, slot: null };
}

/** The frame that is behind a guest frame at this moment; null if none is. */
function* frameBehind(memory: GuestMemory, gfn: Gfn): Task<Pfn | null> {
  const slot = yield* slotOfGfn(memory, gfn);
  if (slot === null) return null;
  const mm = (memory.vcpu.kvm as Kvm).mmStruct as MmStruct;
  const pte = yield* mm.ptes.at(Math.floor(hvaOf(slot, gfn) / PAGE_SIZE)).readOnce();
  return (pte & PTE_PRESENT) === 0n ? null : ptePfn(pte);
}

/** The slot of a frame, or null. */
export function* slotOfGfn(memory: GuestMemory, gfn: Gfn): Task<Memslot | null> {
  if (memory.slot === null || !contains(memory.slot, gfn)) {
    memory.slot = yield* searchVcpuMemslots(memory.vcpu, memory.slots, gfn);
  }
  return memory.slot;
}

/** One entry of a table of the guest; null if no memory is there. @kernel kvm_vcpu_read_guest_atomic virt/kvm/kvm_main.c */
export function* readGpte(memory: GuestMemory, table: Gfn, index: number): Task<bigint | null> {
  const pfn = yield* frameBehind(memory, table);
  return pfn === null ? null : yield* frameWord(memory.vcpu.kvm as Kvm, pfn, index).readOnce();
}
