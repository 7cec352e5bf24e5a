/**
 * Reverse maps: from a guest frame to the entries that map it, and from a shadow page to the entries that lead to it. A
 * head is 0 for none, the only entry, or, with bit 0 set, a chain of descriptors. Under mmu_lock.
 *
 * @kernel struct kvm_rmap_head, struct pte_list_desc arch/x86/kvm/mmu/mmu.c
 */
import {
  array,
  type Cell,
  type Elements,
  ptr,
  type StructType,
  struct,
  u32Field,
  type View,
} from '@faultline/machine';
import type { Gfn } from '../../types.ts';
import type { Kvm } from '../../virt/kvm.ts';
import { entriesOf } from '../tdp-geometry.ts';
import { shadowOf } from './shadow-mmu.ts';
import type { ShadowPage } from './shadow-page.ts';

/** Entries of a descriptor; 14 on real x86. */
const PTE_LIST_EXT = 3;

interface PteListDesc extends View {
  more: PteListDesc | null;
  spteCount: number;
  /** Addresses of entries. */
  readonly sptes: Elements<number>;
}

const PteListDesc: StructType<PteListDesc> = struct(
  'pte_list_desc',
  {
    more: ptr((): StructType<PteListDesc> => PteListDesc),
    spteCount: u32Field,
    sptes: array(u32Field, PTE_LIST_EXT),
  },
  { as: 'desc' },
);

/** A word that holds a head. */
export interface Head {
  get(): number;
  set(head: number): void;
}

/** The entries that map a frame. @kernel gfn_to_rmap arch/x86/kvm/mmu/mmu.c */
export function rmapOf(kvm: Kvm, gfn: Gfn): Head {
  const info = shadowOf(kvm).frame.at(gfn);
  return {
    get: () => info.rmap,
    set: (head) => {
      info.rmap = head;
    },
  };
}

/** The entries that lead to a page. @kernel kvm_mmu_page_add_parent_pte arch/x86/kvm/mmu/mmu.c */
export function parentsOf(page: ShadowPage): Head {
  return {
    get: () => page.parentPtes,
    set: (head) => {
      page.parentPtes = head;
    },
  };
}

/** @kernel pte_list_add arch/x86/kvm/mmu/mmu.c */
export function pteListAdd(head: Head, sptep: Cell<bigint>): void {
  const value = head.get();
  if (value === 0) {
    head.set(sptep.addr);
    return;
  }
  let desc: PteListDesc;
  if ((value & 1) === 0) {
    desc = PteListDesc.alloc();
    desc.sptes.set(desc.spteCount++, value);
  } else {
    desc = PteListDesc.at(value & ~1);
    if (desc.spteCount === PTE_LIST_EXT) {
      const first = PteListDesc.alloc();
      first.more = desc;
      desc = first;
    }
  }
  desc.sptes.set(desc.spteCount++, sptep.addr);
  head.set(desc.addr | 1);
}

/** Throws if it is not there. @kernel pte_list_remove arch/x86/kvm/mmu/mmu.c */
export function pteListRemove(head: Head, sptep: Cell<bigint>): void {
  const value = head.get();
  if (value === sptep.addr) {
    head.set(0);
    return;
  }
  if ((value & 1) === 0) throw new Error('a reverse map does not name the entry that leaves it');
  const first = PteListDesc.at(value & ~1);
  for (let desc: PteListDesc | null = first; desc !== null; desc = desc.more) {
    for (let i = 0; i < desc.spteCount; i++) {
      if (desc.sptes.get(i) !== sptep.addr) continue;
      // The last of the first descriptor takes its place.
      desc.sptes.set(i, first.sptes.get(--first.spteCount));
      if (first.spteCount === 0) dropFirst(head, first);
      return;
    }
  }
  throw new Error('a reverse map does not name the entry that leaves it');
}

function dropFirst(head: Head, first: PteListDesc): void {
  head.set(first.more === null ? 0 : first.more.addr | 1);
  PteListDesc.free(first);
}

/** An entry, and the page in which it stands. */
export interface Entry {
  readonly page: ShadowPage;
  readonly sptep: Cell<bigint>;
  readonly index: number;
}

/** The entries that a head names now. @kernel for_each_rmap_spte arch/x86/kvm/mmu/mmu.c */
export function pteList(kvm: Kvm, head: Head): Entry[] {
  const value = head.get();
  if (value === 0) return [];
  if ((value & 1) === 0) return [entryAt(kvm, value)];
  const found: Entry[] = [];
  for (let desc: PteListDesc | null = PteListDesc.at(value & ~1); desc !== null; desc = desc.more) {
    for (let i = 0; i < desc.spteCount; i++) found.push(entryAt(kvm, desc.sptes.get(i)));
  }
  return found;
}

/** The kernel asks struct page; here the VM's pages are few. @kernel sptep_to_sp arch/x86/kvm/mmu/spte.h */
function entryAt(kvm: Kvm, sptep: number): Entry {
  const bytes = 8 * entriesOf(kvm);
  for (let page = shadowOf(kvm).activeMmuPages; page !== null; page = page.link) {
    const offset = sptep - page.spt.at(0).addr;
    if (offset >= 0 && offset < bytes) return { page, sptep: page.spt.at(offset >>> 3), index: offset >>> 3 };
  }
  throw new Error('a reverse map names an entry of a page that is gone');
}
