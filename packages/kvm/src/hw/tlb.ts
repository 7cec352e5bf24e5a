/**
 * What a vCPU's hardware remembers of the page tables, one entry a frame of the model. An instruction holds `lock` from
 * its look-up to its access: an interrupt, and with it a flush, arrives only between two instructions.
 */
import {
  array,
  type Elements,
  type SpinLock,
  type StructType,
  spinlock,
  struct,
  u32Field,
  u64Field,
  type View,
} from '@faultline/machine';
import type { Gfn } from '../types.ts';

export interface Tlb extends View {
  readonly lock: SpinLock;
  /** Frame number of each entry, of those that share it. */
  readonly gfns: Elements<number>;
  /** A copy of the SPTE that was walked, 0 for none. */
  readonly entries: Elements<bigint>;
  /** Address of the last-level table that was walked, 0 for none: with config.structureCache. */
  readonly tables: Elements<number>;
  /** Under the lock. 1: KVM_REQ_MMU_FREE_OBSOLETE_ROOTS is pending. The vCPU looks at it on each entry of the guest. */
  freeObsoleteRoots: number;
}

/** Entries: a frame has the one of its number, modulo this. */
export const TLB_ENTRIES = 4;

/** Entry of this frame, which forgets another frame that it held. Under the lock. */
export function tlbEntry(tlb: Tlb, gfn: Gfn): number {
  const i = gfn % TLB_ENTRIES;
  if (tlb.gfns.get(i) === gfn) return i;
  tlb.gfns.set(i, gfn);
  tlb.entries.set(i, 0n);
  tlb.tables.set(i, 0);
  return i;
}

/** Forgets every translation. */
export function emptyTlb(tlb: Tlb): void {
  for (let i = 0; i < TLB_ENTRIES; i++) {
    tlb.entries.set(i, 0n);
    tlb.tables.set(i, 0);
  }
}

export const Tlb: StructType<Tlb> = struct(
  'tlb',
  {
    lock: spinlock,
    gfns: array(u32Field, TLB_ENTRIES),
    entries: array(u64Field, TLB_ENTRIES),
    tables: array(u32Field, TLB_ENTRIES),
    freeObsoleteRoots: u32Field,
  },
  { as: 'tlb' },
);
