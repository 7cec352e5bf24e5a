/**
 * The guest's own page tables, as KVM and the guest's hardware read them: words of guest memory. Entries are x86's: P 0, W 1,
 * U 2, A 5, D 6, frame 12-51.
 */
import type { Cell, Task } from '@faultline/machine';
import type { HostMemory } from '../../host/memory.ts';
import type { MmStruct } from '../../host/mm.ts';
import { hvaToPfnPinned } from '../../host/gup.ts';
import { putPage } from '../../host/mm.ts';
import type { Gfn, Pfn } from '../../types.ts';
import type { Kvm, Vcpu } from '../../virt/kvm.ts';
import { hvaOf } from '../../virt/memslots.ts';
import { vcpuGfnToMemslot } from '../../virt/vcpu-memslots.ts';

export const PT_PRESENT = 1n;
export const PT_WRITE = 1n << 1n;
export const PT_ACCESSED = 1n << 5n;
export const PT_DIRTY = 1n << 6n;

export const makeGpte = (gfn: number, flags = PT_PRESENT | PT_WRITE): bigint => (BigInt(gfn) << 12n) | flags;
export const gpteGfn = (gpte: bigint): Gfn => Number((gpte >> 12n) & ((1n << 40n) - 1n)) as Gfn;

/** Word `word` of a host frame. The first is the content that swap keeps; tables of the guest are not swapped out in the model. */
export function frameWord(kvm: Kvm, pfn: Pfn, word: number): Cell<bigint> {
  if (word === 0) return (kvm.mmStruct as MmStruct).page.at(pfn).content;
  return (kvm.memory as HostMemory).content.at(pfn * 2 ** kvm.config.tdpIndexBits + word);
}

/** Index of a guest-virtual page in the table of this level. */
export function guestIndex(kvm: Kvm, gva: number, level: number): number {
  const { tdpIndexBits } = kvm.config;
  return (gva >>> ((level - 1) * tdpIndexBits)) & ((1 << tdpIndexBits) - 1);
}

/** What a walk of the guest's tables found. @kernel struct guest_walker arch/x86/kvm/mmu/paging_tmpl.h */
export interface GuestWalk {
  /** Frame and permission of the page. */
  readonly gfn: Gfn;
  readonly writable: boolean;
  /** The leaf's Dirty bit is set: writes need not be noticed. */
  readonly dirty: boolean;
  /** By level: frame of the table, and the entry that was read there, with what the walk has set. */
  readonly tables: Gfn[];
  readonly gptes: bigint[];
}

/**
 * Walks as the hardware does, and sets A on the way, D for a write. Null: the guest gets a page fault of its own. Inside
 * kvm->srcu, without mmu_lock: what was read may change at once.
 *
 * @kernel FNAME(walk_addr_generic) arch/x86/kvm/mmu/paging_tmpl.h
 */
export function* walkAddr(vcpu: Vcpu, gva: number, write: boolean): Task<GuestWalk | null> {
  const kvm = vcpu.kvm as Kvm;
  for (;;) {
    const walk = yield* walkOnce(vcpu, kvm, gva, write);
    if (walk !== 'changed') return walk;
  }
}

function* walkOnce(vcpu: Vcpu, kvm: Kvm, gva: number, write: boolean): Task<GuestWalk | null | 'changed'> {
  const tables: Gfn[] = [];
  const gptes: bigint[] = [];
  let gfn = vcpu.cr3;
  let writable = true;
  for (let level = kvm.config.tdpLevels; level >= 1; level--) {
    const gpte = yield* readGpte(vcpu, gfn, guestIndex(kvm, gva, level));
    if (gpte === null || (gpte & PT_PRESENT) === 0n) return null;
    tables[level] = gfn;
    gptes[level] = gpte;
    writable = writable && (gpte & PT_WRITE) !== 0n;
    gfn = gpteGfn(gpte);
  }
  if (write && !writable) return null;
  for (let level = kvm.config.tdpLevels; level >= 1; level--) {
    const noted = PT_ACCESSED | (write && level === 1 ? PT_DIRTY : 0n);
    if (!(yield* noteInGpte(vcpu, kvm, gva, level, tables, gptes, noted))) return 'changed';
  }
  return { gfn, writable, dirty: ((gptes[1] as bigint) & PT_DIRTY) !== 0n, tables, gptes };
}

/** Sets bits in the entry that was read, unless it has changed since. @kernel FNAME(update_accessed_dirty_bits) arch/x86/kvm/mmu/paging_tmpl.h */
function* noteInGpte(
  vcpu: Vcpu,
  kvm: Kvm,
  gva: number,
  level: number,
  tables: readonly Gfn[],
  gptes: bigint[],
  bits: bigint,
): Task<boolean> {
  const old = gptes[level] as bigint;
  if ((old & bits) === bits) return true;
  const pfn = yield* pinTable(vcpu, tables[level] as Gfn);
  if (pfn === null) return false;
  const seen = yield* frameWord(kvm, pfn, guestIndex(kvm, gva, level)).cmpxchg(old, old | bits);
  yield* putPage(kvm.mmStruct as MmStruct, pfn);
  gptes[level] = old | bits;
  return seen === old;
}

/** One entry of a table of the guest; null if no memory is there. */
export function* readGpte(vcpu: Vcpu, table: Gfn, index: number): Task<bigint | null> {
  const kvm = vcpu.kvm as Kvm;
  const pfn = yield* pinTable(vcpu, table);
  if (pfn === null) return null;
  const gpte = yield* frameWord(kvm, pfn, index).readOnce();
  yield* putPage(kvm.mmStruct as MmStruct, pfn);
  return gpte;
}

function* pinTable(vcpu: Vcpu, gfn: Gfn): Task<Pfn | null> {
  const slot = yield* vcpuGfnToMemslot(vcpu, gfn);
  if (slot === null) return null;
  const gup = yield* hvaToPfnPinned(vcpu.kvm as Kvm, hvaOf(slot, gfn), true);
  return gup === null ? null : gup.pfn;
}
