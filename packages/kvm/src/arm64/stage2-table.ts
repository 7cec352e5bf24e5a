/**
 * @area arm64
 *
 * Stage-2 tables, as of 2017: pgd, pud, pmd and pte, each a page with a count of its own: one, and one for each entry in use. A
 * page whose count is back at one is empty, and is freed with the entry that leads to it.
 *
 * The hardware reads entries at any time; software changes them and the counts under mmu_lock.
 */
import {
  array,
  bugOn,
  type Cell,
  cell64,
  type Elements,
  guardedBy,
  kernelName,
  type StructType,
  struct,
  u32Field,
  type View,
} from '@faultline/machine';
import type { Gfn, Pfn } from '../types.ts';

/** A page of the tables. @kernel pgd_t, pud_t, pmd_t, pte_t arch/arm64/include/asm/pgtable-types.h */
export interface Stage2Table extends View {
  /** Level plus one: 1 for ptes, 2 for pmds, 3 for puds, 4 for pgds. What was freed has no level that is right. */
  mark: number;
  /** @kernel page_count include/linux/page_ref.h */
  pageCount: number;
  readonly entries: Elements<Cell<bigint>>;
}

export const Stage2Table: StructType<Stage2Table> = struct(
  'stage2_table',
  {
    mark: u32Field,
    pageCount: kernelName('page_count', guardedBy(u32Field, 'kvm->mmu_lock', 'mmu->mmu_rwlock')),
    entries: array(cell64),
  },
  { as: 'table' },
);

/** Level of a table: of ptes, and of pmds, which may be blocks. */
export const PTE = 0;
export const PMD = 1;

/** Bits of a descriptor: valid; a table, or at the last level a page; device memory; readable, writable; accessed. */
export const S2_VALID = 1n;
export const S2_TABLE = 1n << 1n;
export const S2_DEVICE = 1n << 2n;
export const S2AP_R = 1n << 6n;
export const S2AP_W = 1n << 7n;
export const S2_AF = 1n << 10n;
const ADDRESS_SHIFT = 12n;

/** For set-up, and for the few who allocate: a table without entries. */
export function allocTable(level: number, entries: number): Stage2Table {
  const table = Stage2Table.alloc(entries * 8);
  table.mark = level + 1;
  table.pageCount = 1;
  return table;
}

/** Entry of a table that is in use. Under worker threads this is what notices a page that has been freed. */
export function entryOf(table: Stage2Table, level: number, index: number): Cell<bigint> {
  bugOn(table.mark !== level + 1, 'a freed stage-2 table is walked');
  return table.entries.at(index);
}

export const tableEntry = (table: Stage2Table): bigint =>
  (BigInt(table.addr) << ADDRESS_SHIFT) | S2_TABLE | S2_VALID;

/** A page, or a block where the level is not the last. */
export const leafEntry = (pfn: Pfn, level: number, writable: boolean): bigint =>
  (BigInt(pfn) << ADDRESS_SHIFT) |
  S2_AF |
  S2AP_R |
  S2_VALID |
  (writable ? S2AP_W : 0n) |
  (level === PTE ? S2_TABLE : 0n);

export const childOf = (entry: bigint): Stage2Table => Stage2Table.at(Number(entry >> ADDRESS_SHIFT));
export const pfnOf = (entry: bigint): Pfn => Number(entry >> ADDRESS_SHIFT) as Pfn;
export const isTable = (entry: bigint, level: number): boolean => level > PTE && (entry & S2_TABLE) !== 0n;
export const isBlock = (entry: bigint, level: number): boolean =>
  level > PTE && entry !== 0n && (entry & S2_TABLE) === 0n;

/** Which entry of a table of this level a frame has. @kernel stage2_pgd_index, pte_index arch/arm64/include/asm/stage2_pgtable.h */
export function indexOf(gfn: Gfn, level: number, indexBits: number): number {
  return (gfn >>> (level * indexBits)) & ((1 << indexBits) - 1);
}

/** Frames that one entry of a table of this level covers. */
export const spanOf = (level: number, indexBits: number): number => 1 << (level * indexBits);

/** The kernel goes on with an address near 0. */
export function nullPgd(where: string): null {
  bugOn(true, `NULL pointer dereference: kvm->arch.pgd in ${where}()`);
  return null;
}
