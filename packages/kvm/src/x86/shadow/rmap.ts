/**
 * Reverse maps: from a guest frame to the entries that map it, and from a shadow page to the entries that lead to it. A
 * head is 0 for none, the address of the only entry, or, with bit 0 set, that of a chain of descriptors. Under mmu_lock.
 *
 * @kernel struct kvm_rmap_head, struct pte_list_desc arch/x86/kvm/mmu/mmu.c
 */
import { array, type Cell, cell64, type Elements, guardedBy, ptr, type StructType, struct, u32Field, type View } from '@faultline/machine';
import type { Gfn } from '../../types.ts';
import type { Kvm } from '../../virt/kvm.ts';

/** Entries of a descriptor; 14 on real x86. */
const PTE_LIST_EXT = 3;

interface PteListDesc extends View {
  more: PteListDesc | null;
  count: number;
  readonly sptes: Elements<number>;
}

const PteListDesc: StructType<PteListDesc> = struct(
  'pte_list_desc',
  {
    more: ptr((): StructType<PteListDesc> => PteListDesc),
    count: u32Field,
    sptes: array(u32Field, PTE_LIST_EXT),
  },
  { as: 'desc' },
);

/** What the arch keeps for each frame of a slot. The model has one table for the VM. @kernel struct kvm_arch_memory_slot arch/x86/include/asm/kvm_host.h */
export interface FrameTable extends View {
  frames: number;
  readonly rmaps: Elements<number>;
}

export const FrameTable: StructType<FrameTable> = struct(
  'kvm_rmap_table',
  { frames: u32Field, rmaps: guardedBy(array(u32Field), 'kvm->mmu_lock') },
  { as: 'slot->arch.rmap' },
);

export function allocFrameTable(frames: number): FrameTable {
  const table = FrameTable.alloc(frames * 4);
  table.frames = frames;
  return table;
}

/** A word that holds a head: of a frame, or of a shadow page. */
export interface Head {
  get(): number;
  set(head: number): void;
}

/** @kernel gfn_to_rmap arch/x86/kvm/mmu/mmu.c */
export function rmapOf(kvm: Kvm, gfn: Gfn): Head {
  const { rmaps } = kvm.frameTable as FrameTable;
  return { get: () => rmaps.get(gfn), set: (head) => rmaps.set(gfn, head) };
}

export function parentsOf(page: { parentPtes: number }): Head {
  return {
    get: () => page.parentPtes,
    set: (head) => {
      page.parentPtes = head;
    },
  };
}

/** @kernel pte_list_add arch/x86/kvm/mmu/mmu.c */
export function pteListAdd(head: Head, sptep: number): void {
  const value = head.get();
  if (value === 0) {
    head.set(sptep);
    return;
  }
  let desc: PteListDesc;
  if ((value & 1) === 0) {
    desc = PteListDesc.alloc();
    desc.sptes.set(0, value);
    desc.count = 1;
  } else {
    desc = PteListDesc.at(value & ~1);
    if (desc.count === PTE_LIST_EXT) {
      const first = PteListDesc.alloc();
      first.more = desc;
      desc = first;
    }
  }
  desc.sptes.set(desc.count++, sptep);
  head.set(desc.addr | 1);
}

/** Throws if it is not there. @kernel pte_list_remove arch/x86/kvm/mmu/mmu.c */
export function pteListRemove(head: Head, sptep: number): void {
  const value = head.get();
  if (value === sptep) {
    head.set(0);
    return;
  }
  if ((value & 1) === 0) throw new Error('an rmap does not name the entry that leaves it');
  const first = PteListDesc.at(value & ~1);
  for (let desc: PteListDesc | null = first; desc !== null; desc = desc.more) {
    for (let i = 0; i < desc.count; i++) {
      if (desc.sptes.get(i) !== sptep) continue;
      // The last of the first descriptor takes its place.
      desc.sptes.set(i, first.sptes.get(first.count - 1) as number);
      first.count--;
      if (first.count === 0) dropFirst(head, first);
      return;
    }
  }
  throw new Error('an rmap does not name the entry that leaves it');
}

function dropFirst(head: Head, first: PteListDesc): void {
  head.set(first.more === null ? 0 : first.more.addr | 1);
  PteListDesc.free(first);
}

/** The entries, as they are now. @kernel for_each_rmap_spte arch/x86/kvm/mmu/mmu.c */
export function pteList(head: Head): Cell<bigint>[] {
  const value = head.get();
  if (value === 0) return [];
  if ((value & 1) === 0) return [cellAt(value)];
  const found: Cell<bigint>[] = [];
  for (let desc: PteListDesc | null = PteListDesc.at(value & ~1); desc !== null; desc = desc.more) {
    for (let i = 0; i < desc.count; i++) found.push(cellAt(desc.sptes.get(i) as number));
  }
  return found;
}

/** An entry by its address. */
const Entry = struct('spte', { value: cell64 });

function cellAt(sptep: number): Cell<bigint> {
  return Entry.at(sptep).value;
}
