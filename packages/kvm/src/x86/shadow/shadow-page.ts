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

/** Frame that each entry of an indirect table stands for. @kernel shadowed_translation */
interface Translations extends View {
  readonly gfns: Elements<number>;
}

const Translations: StructType<Translations> = struct(
  'shadowed_translation',
  { gfns: array(u53Field) },
  { as: 'sp->shadowed_translation' },
);

/** @kernel struct kvm_mmu_page arch/x86/kvm/mmu/mmu_internal.h */
export interface ShadowPage extends View {
  /** Of the guest's table; of a direct page the first frame that it maps. */
  gfn: Gfn;
  /** role.level: 1 for the last. */
  level: number;
  /** role.direct: no table of the guest stands behind it. */
  direct: number;
  /** role.invalid: zapped; a vCPU that still has it as its root loads another. */
  readonly invalid: Cell<number>;
  /** The guest may write the table behind it, and it may differ until the guest flushes. Set under mmu_unsync_pages_lock too. */
  readonly unsync: Cell<number>;
  /** Entries below which there is an unsync page. Looked at without a lock. */
  readonly unsyncChildren: Cell<number>;
  /** vCPUs that have it as their root. */
  rootCount: number;
  mmuValidGen: number;
  /** Entries that lead here: see rmap.ts. */
  parentPtes: number;
  /** The next page of the VM. */
  hashNext: ShadowPage | null;
  /** The next page that is to be freed. */
  invalidNext: ShadowPage | null;
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
    invalid: kernelName('role.invalid', cell32),
    unsync: cell32,
    unsyncChildren: cell32,
    rootCount: guardedBy(u32Field, MMU_LOCK),
    mmuValidGen: u32Field,
    parentPtes: guardedBy(u32Field, MMU_LOCK),
    hashNext: guardedBy(
      ptr((): StructType<ShadowPage> => ShadowPage),
      MMU_LOCK,
    ),
    invalidNext: guardedBy(
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

/** @kernel kvm_mmu_alloc_shadow_page arch/x86/kvm/mmu/mmu.c */
export function allocShadowPage(kvm: Kvm, gfn: Gfn, level: number, direct: boolean): ShadowPage {
  const entries = 2 ** kvm.config.tdpIndexBits;
  const page = ShadowPage.alloc(entries * 8);
  page.gfn = gfn;
  page.level = level;
  page.direct = direct ? 1 : 0;
  page.mmuValidGen = kvm.mmuValidGen;
  if (!direct) page.translations = Translations.alloc(entries * 8);
  return page;
}

export function freeShadowPage(page: ShadowPage): void {
  if (page.translations !== null) Translations.free(page.translations);
  ShadowPage.free(page);
}

/** Index of an entry in its page. */
export function indexOf(page: ShadowPage, sptep: Cell<bigint>): number {
  return (sptep.addr - page.spt.at(0).addr) >>> 3;
}

/** Frame that an entry maps. @kernel kvm_mmu_page_get_gfn arch/x86/kvm/mmu/mmu.c */
export function gfnOfEntry(kvm: Kvm, page: ShadowPage, index: number): Gfn {
  if (page.translations !== null) return page.translations.gfns.get(index) as Gfn;
  return (page.gfn + index * 2 ** ((page.level - 1) * kvm.config.tdpIndexBits)) as Gfn;
}

export function setGfnOfEntry(page: ShadowPage, index: number, gfn: Gfn): void {
  page.translations?.gfns.set(index, gfn);
}

const NONLEAF = 0b111n | (1n << 5n) | SPTE_MMU_PRESENT;

/** An entry that leads to another page: as for the TDP MMU it holds the address in the arena by 8. @kernel make_nonleaf_spte arch/x86/kvm/mmu/spte.c */
export function makeShadowNonleaf(child: ShadowPage): bigint {
  return (BigInt(child.addr >>> 3) << 12n) | NONLEAF;
}

/** @kernel spte_to_child_sp arch/x86/kvm/mmu/spte.h */
export function shadowChild(spte: bigint): ShadowPage {
  return ShadowPage.at(Number(BigInt.asUintN(32, BigInt.asUintN(64, spte) >> 9n)) & ~7);
}

/** The page that an entry stands in. @kernel sptep_to_sp arch/x86/kvm/mmu/spte.h */
export function pageOfSptep(kvm: Kvm, sptep: number): ShadowPage {
  const bytes = 8 * 2 ** kvm.config.tdpIndexBits;
  for (let page = kvm.activeMmuPages; page !== null; page = page.hashNext) {
    const first = page.spt.at(0).addr;
    if (sptep >= first && sptep < first + bytes) return page;
  }
  throw new Error('an rmap names an entry of a page that was freed');
}
