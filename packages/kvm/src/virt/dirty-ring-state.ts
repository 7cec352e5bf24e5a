/** The dirty ring of a vCPU: the alternative to bitmaps. The code: dirty-ring.ts (kernel), host/dirty-ring-reaper.ts (user space). */
import {
  array,
  type Cell,
  cell32,
  type Elements,
  embed,
  kernelName,
  type StructType,
  struct,
  u32Field,
  u53Field,
  type View,
} from '@faultline/machine';

/** The entry names a page that was written, and is user space's. @kernel KVM_DIRTY_GFN_F_DIRTY include/uapi/linux/kvm.h */
export const KVM_DIRTY_GFN_F_DIRTY = 1 << 0;
/** User space has copied the entry, and gives it back. @kernel KVM_DIRTY_GFN_F_RESET include/uapi/linux/kvm.h */
export const KVM_DIRTY_GFN_F_RESET = 1 << 1;
/** @kernel KVM_DIRTY_RING_MAX_ENTRIES include/linux/kvm_dirty_ring.h */
export const KVM_DIRTY_RING_MAX_ENTRIES = 65_536;
/** Kept free for what one exit may still have to log. @kernel KVM_DIRTY_RING_RSVD_ENTRIES include/linux/kvm_dirty_ring.h */
export const KVM_DIRTY_RING_RSVD_ENTRIES = 64;

/** 16 bytes, at the kernel's offsets. @kernel struct kvm_dirty_gfn include/uapi/linux/kvm.h */
export interface DirtyGfn extends View {
  /** 0: free, the kernel's. Whoever has the entry by its flags may touch the two others. */
  readonly flags: Cell<number>;
  /** Address space in the high 16 bits, id of the slot in the low ones. */
  slot: number;
  /** Of the page in its slot. */
  offset: number;
}

export const DirtyGfn: StructType<DirtyGfn> = struct(
  'kvm_dirty_gfn',
  { flags: cell32, slot: u32Field, offset: u53Field },
  { as: 'entry' },
);

/** @kernel struct kvm_dirty_ring include/linux/kvm_dirty_ring.h */
export interface DirtyRing extends View {
  /** Entries pushed, by the vCPU's own thread. */
  readonly dirtyIndex: Cell<number>;
  /** Entries reset, under slots_lock. */
  readonly resetIndex: Cell<number>;
  /** A power of two. */
  size: number;
  /** With so many entries in use the guest may not go on. */
  softLimit: number;
  readonly gfns: Elements<DirtyGfn>;
}

export const DirtyRing: StructType<DirtyRing> = struct(
  'kvm_dirty_ring',
  {
    dirtyIndex: cell32,
    resetIndex: cell32,
    size: u32Field,
    softLimit: u32Field,
    gfns: kernelName('dirty_gfns', array(embed(DirtyGfn))),
  },
  { as: 'dirty_ring' },
);

/** @kernel kvm_dirty_ring_alloc virt/kvm/dirty_ring.c */
export function allocDirtyRing(size: number, reserved: number): DirtyRing {
  const ring = DirtyRing.alloc(size * DirtyGfn.size);
  ring.size = size;
  ring.softLimit = size - reserved;
  return ring;
}

/** The entry of an index that counts on for ever. */
export function entryOf(ring: DirtyRing, index: number): DirtyGfn {
  return ring.gfns.at(index & (ring.size - 1));
}
