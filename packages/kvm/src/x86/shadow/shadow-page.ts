/**
 * A table of the shadow MMU: what the hardware walks in place of a table of the guest. It is found by the frame of the
 * guest's table, and kept in step with it. Everything here changes under mmu_lock, unless it says otherwise.
 */
import {
  array,
  type Cell,
  cell32,
  cell64,
  type Elements,
  guardedBy,
  kernelName,
  ptr,
  type StructType,
  struct,
  u32Field,
  u53As,
  u53Field,
  type View,
} from '@faultline/machine';
import type { Gfn } from '../../types.ts';
import type { Kvm } from '../../virt/kvm.ts';
import { SPTE_MMU_PRESENT } from '../spte.ts';
import { entriesOf, framesAt } from '../tdp-geometry.ts';

/** Frame that each entry of an indirect page maps: the guest's table may say something else by now. */
interface Translations extends View {
  readonly gfns: Elements<number>;
}

const Translations: StructType<Translations> = struct(
  'shadowed_translation',
  { gfns: array(u53Field) },
  { as: 'sp->shadowed_translation' },
);

/** What a shadow page stands for; two pages of one table of the guest differ in it. @kernel union kvm_mmu_page_role arch/x86/include/asm/kvm_host.h */
export interface Role {
  /** 1 for the last. */
  readonly level: number;
  /** No table of the guest stands behind it: the guest has no tables, or maps a huge page here. */
  readonly direct: boolean;
  /** What the entries above allow: ACC_WRITE, ACC_USER. */
  readonly access: number;
}

/** @kernel struct kvm_mmu_page arch/x86/kvm/mmu/mmu_internal.h */
export interface ShadowPage extends View {
  /** Of the guest's table; of a direct page the first frame that it maps. */
  gfn: Gfn;
  level: number;
  direct: number;
  access: number;
  /** Zapped; a vCPU that still has it as its root loads another. Looked at without a lock. */
  readonly invalid: Cell<number>;
  /** The guest may write the table behind it, and it may differ until the guest flushes. Set under mmu_unsync_pages_lock. */
  readonly unsync: Cell<number>;
  /** Entries below which there is an unsync page, a bit each, and how many. The number is looked at without a lock. */
  readonly unsyncChildBitmap: Cell<number>;
  readonly unsyncChildren: Cell<number>;
  /** vCPUs that have it as their root. */
  rootCount: number;
  mmuValidGen: number;
  /** Writes of the emulator to the table behind it since it was last walked. */
  writeFloodingCount: number;
  /** Entries that lead here: see rmap.ts. */
  parentPtes: number;
  /** The next older page of the VM; of a page that is to be freed the next of those. */
  link: ShadowPage | null;
  translations: Translations | null;
  readonly spt: Elements<Cell<bigint>>;
}

const MMU_LOCK = 'kvm->mmu_lock';

export const ShadowPage: StructType<ShadowPage> = struct(
  'kvm_mmu_page',
  {
    gfn: u53As<Gfn>(),
    level: kernelName('role.level', u32Field),
    direct: kernelName('role.direct', u32Field),
    access: kernelName('role.access', u32Field),
    invalid: kernelName('role.invalid', cell32),
    unsync: cell32,
    unsyncChildBitmap: cell32,
    unsyncChildren: cell32,
    rootCount: guardedBy(u32Field, MMU_LOCK),
    mmuValidGen: u32Field,
    writeFloodingCount: guardedBy(u32Field, MMU_LOCK),
    parentPtes: guardedBy(u32Field, MMU_LOCK),
    link: guardedBy(
      ptr((): StructType<ShadowPage> => ShadowPage),
      MMU_LOCK,
    ),
    translations: kernelName(
      'shadowed_translation',
      ptr((): StructType<Translations> => Translations),
    ),
    spt: array(cell64),
  },
  { as: 'sp' },
);

/** Entries of a table at most: a bitmap of 32 bits says which of them lead to unsync pages. */
export const MAX_SHADOW_INDEX_BITS = 5;

/** Not found by anybody yet. @kernel kvm_mmu_alloc_shadow_page arch/x86/kvm/mmu/mmu.c */
export function allocShadowPage(kvm: Kvm, gfn: Gfn, { level, direct, access }: Role): ShadowPage {
  const page = ShadowPage.alloc(entriesOf(kvm) * 8);
  page.gfn = gfn;
  page.level = level;
  page.direct = direct ? 1 : 0;
  page.access = access;
  if (!direct) page.translations = Translations.alloc(entriesOf(kvm) * 8);
  return page;
}

/** @kernel kvm_mmu_free_shadow_page arch/x86/kvm/mmu/mmu.c */
export function freeShadowPage(page: ShadowPage): void {
  if (page.translations !== null) Translations.free(page.translations);
  ShadowPage.free(page);
}

/** Frame that an entry maps, or of whose range it is the first. @kernel kvm_mmu_page_get_gfn arch/x86/kvm/mmu/mmu.c */
export function gfnOfEntry(kvm: Kvm, page: ShadowPage, index: number): Gfn {
  if (page.translations !== null) return page.translations.gfns.get(index) as Gfn;
  return (page.gfn + index * framesAt(kvm, page.level)) as Gfn;
}

/** @kernel kvm_mmu_page_set_translation arch/x86/kvm/mmu/mmu.c */
export function setGfnOfEntry(page: ShadowPage, index: number, gfn: Gfn): void {
  page.translations?.gfns.set(index, gfn);
}

/** Present, writable, user, accessed, MMU-present: what the guest may do is decided by the leaf. */
const NONLEAF = 0b111n | (1n << 5n) | SPTE_MMU_PRESENT;

/** An entry that leads to another page: as for the TDP MMU it holds the address in the arena by 8. @kernel make_nonleaf_spte arch/x86/kvm/mmu/spte.c */
export function makeShadowNonleaf(child: ShadowPage): bigint {
  return (BigInt(child.addr >>> 3) << 12n) | NONLEAF;
}

/** @kernel spte_to_child_sp arch/x86/kvm/mmu/spte.h */
export function shadowChild(spte: bigint): ShadowPage {
  return ShadowPage.at(Number(BigInt.asUintN(32, BigInt.asUintN(64, spte) >> 9n)) & ~7);
}

/** The index of an entry in its page. @kernel spte_index arch/x86/kvm/mmu/spte.h */
export function indexOf(page: ShadowPage, sptep: Cell<bigint>): number {
  return (sptep.addr - page.spt.at(0).addr) >>> 3;
}
