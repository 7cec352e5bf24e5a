/**
 * Memory slots and the sets that hold them. A vCPU finds a slot through `kvm->memslots[as_id]`, an SRCU-protected
 * pointer to the active set; an update prepares another set, publishes it, and waits for a grace period.
 *
 * Two forms, chosen when the VM is created:
 * - 'tree' (since 5.17): two sets for ever, one active; a slot carries a node for each of them, an update edits the
 *   inactive set, swaps, then repeats the edit in the other.
 * - 'flat' (2014): one allocated array sorted by base_gfn, highest first, copied whole for each update.
 */
import {
  array,
  type Cell,
  cell32,
  type Elements,
  embed,
  generationCell,
  i16Field,
  kernelName,
  ptr,
  ptrCell,
  type StructType,
  struct,
  u16Field,
  u32Field,
  u53As,
  type View,
  writeGuardedBy,
} from '@faultline/machine';
import type { Gfn, Hva } from '../types.ts';
import { PAGE_SIZE } from '../types.ts';
import { SlotRmap } from '../x86/slot-rmap.ts';
import { DirtyBitmap } from './dirty-bitmap.ts';

/** KVM_SET_USER_MEMORY_REGION flags; bits 16 and up are the kernel's own. */
export const KVM_MEM_LOG_DIRTY_PAGES = 1 << 0;
export const KVM_MEM_READONLY = 1 << 1;
/** The slot is on its way out: it can still be found, but nothing new may be mapped from it. */
export const KVM_MEMSLOT_INVALID = 1 << 16;
/** @kernel KVM_MEM_MAX_NR_PAGES include/linux/kvm_host.h */
export const KVM_MEM_MAX_NR_PAGES = 2 ** 31 - 1;

/** A slot changes only while no reader can reach it: written under slots_lock, read under that or inside kvm->srcu. */
export const SLOT_GUARD = { read: ['kvm->srcu', 'kvm->slots_lock'], write: ['kvm->slots_lock'] };

/** The place of a slot in one of the two sets. */
export interface SlotNode extends View {
  left: Memslot | null;
  right: Memslot | null;
  nextId: Memslot | null;
}

/** @kernel struct kvm_memory_slot include/linux/kvm_host.h */
export interface Memslot extends View {
  baseGfn: Gfn;
  npages: number;
  userspaceAddr: Hva;
  flags: number;
  id: number;
  asId: number;
  dirtyBitmap: DirtyBitmap | null;
  /** Null until a vCPU has a shadow root: see x86/first-shadow-root.ts. */
  rmap: SlotRmap | null;
  readonly nodes: Elements<SlotNode>;
}

const SlotNode: StructType<SlotNode> = struct(
  'kvm_memslot_node',
  {
    left: ptr((): StructType<Memslot> => Memslot),
    right: ptr((): StructType<Memslot> => Memslot),
    nextId: ptr((): StructType<Memslot> => Memslot),
  },
  { as: 'node', guard: SLOT_GUARD },
);

export const Memslot: StructType<Memslot> = struct(
  'kvm_memory_slot',
  {
    baseGfn: u53As<Gfn>(),
    npages: u53As<number>(),
    userspaceAddr: u53As<Hva>(),
    flags: u32Field,
    id: i16Field,
    asId: u16Field,
    dirtyBitmap: ptr((): StructType<DirtyBitmap> => DirtyBitmap),
    rmap: writeGuardedBy(
      kernelName(
        'arch.rmap',
        ptr((): StructType<SlotRmap> => SlotRmap),
      ),
      'kvm->slots_arch_lock',
      'init',
    ),
    nodes: array(embed(SlotNode), 2),
  },
  { as: 'memslot', guard: SLOT_GUARD },
);

/** Buckets of id_hash; the kernel has 128. */
export const ID_BUCKETS = 8;

/** One entry of the flat form: the slot at this index, and the index of the slot with this id. */
export interface FlatEntry extends View {
  readonly slot: Memslot;
  idToIndex: number;
}

const FlatEntry: StructType<FlatEntry> = struct(
  'kvm_memslots_entry',
  { slot: embed(Memslot), idToIndex: i16Field },
  { as: 'memslots', guard: SLOT_GUARD },
);

/** @kernel struct kvm_memslots include/linux/kvm_host.h */
export interface Memslots extends View {
  /** Counts updates; marked (low bit in 2014, bit 63 today) while one is in progress. */
  readonly generation: Cell<number>;
  /** Tree: the slot found last, a hint. */
  readonly lastUsedSlot: Cell<Memslot | null>;
  /** Flat: the index found last, a hint. */
  readonly lruSlot: Cell<number>;
  /** Tree: which of a slot's nodes this set uses. */
  nodeIdx: number;
  gfnTree: Memslot | null;
  readonly idHash: Elements<Memslot | null>;
  /** Flat: entries in use, and room. */
  usedSlots: number;
  capacity: number;
  readonly entries: Elements<FlatEntry>;
}

export const Memslots: StructType<Memslots> = struct(
  'kvm_memslots',
  {
    generation: generationCell,
    lastUsedSlot: ptrCell((): StructType<Memslot> => Memslot),
    lruSlot: cell32,
    nodeIdx: u32Field,
    gfnTree: ptr((): StructType<Memslot> => Memslot),
    idHash: array(
      ptr((): StructType<Memslot> => Memslot),
      ID_BUCKETS,
    ),
    usedSlots: u32Field,
    capacity: u32Field,
    entries: array(embed(FlatEntry)),
  },
  { as: 'slots', guard: SLOT_GUARD },
);

/** Room for `capacity` slots in the flat form; the tree form needs none. */
export function allocMemslots(capacity: number): Memslots {
  const slots = Memslots.alloc(capacity * FlatEntry.size);
  slots.capacity = capacity;
  return slots;
}

/** @kernel gfn_in_memslot include/linux/kvm_host.h */
export function contains(slot: Memslot, gfn: Gfn): boolean {
  return gfn >= slot.baseGfn && gfn < slot.baseGfn + slot.npages;
}

/** Host address of a frame of the slot. @kernel __gfn_to_hva_memslot include/linux/kvm_host.h */
export function hvaOf(slot: Memslot, gfn: Gfn): Hva {
  return (slot.userspaceAddr + (gfn - slot.baseGfn) * PAGE_SIZE) as Hva;
}

/** Copies what describes the memory, not the place in a set. @kernel kvm_copy_memslot virt/kvm/kvm_main.c */
export function copyMemslot(to: Memslot, from: Memslot): void {
  to.baseGfn = from.baseGfn;
  to.npages = from.npages;
  to.userspaceAddr = from.userspaceAddr;
  to.flags = from.flags;
  to.id = from.id;
  to.asId = from.asId;
  to.dirtyBitmap = from.dirtyBitmap;
  to.rmap = from.rmap;
}
