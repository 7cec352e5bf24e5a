/** Goal: each table's page count is one and its entries in use; what is unmapped leaves no table behind. */
import { expect, test } from 'vitest';
import { freshArena, runAlone } from '../run-alone.ts';
import type { Gfn } from '../types.ts';
import { createArmVm } from './create.ts';
import { flushShadowMemslot } from './memory-region.ts';
import { handleGuestAbort } from './stage2-fault.ts';
import { archFlushShadowAll } from './stage2-pgd.ts';
import { childOf, isTable, type Stage2Table } from './stage2-table.ts';

const write = (gfn: number) => ({ gfn: gfn as Gfn, write: true, accessFlag: false });

/** Tables from here down; throws if a count is wrong. */
function tables(table: Stage2Table, level: number, entries: number): number {
  let used = 0;
  let below = 0;
  for (let i = 0; i < entries; i++) {
    const entry = table.entries.at(i).peek();
    if (entry !== 0n) used++;
    if (isTable(entry, level)) below += tables(childOf(entry), level - 1, entries);
  }
  expect(table.pageCount).toBe(1 + used);
  return 1 + below;
}

test.each([2, 3, 4])(
  'with %i levels, mapping makes the tables that it needs, unmapping frees them',
  (levels) => {
    freshArena(1 << 17);
    const { kvm, mm } = createArmVm({ levels, pages: 4 });
    const pgd = kvm.pgd.peek() as Stage2Table;
    for (const gfn of [0, 1, 3]) expect(runAlone(handleGuestAbort(kvm, mm, write(gfn)))).toBe(0);
    expect(tables(pgd, levels - 1, 2)).toBe(levels + 1);
    runAlone(flushShadowMemslot(kvm, 0 as Gfn, 2));
    expect(tables(pgd, levels - 1, 2)).toBe(levels);
    runAlone(flushShadowMemslot(kvm, 0 as Gfn, 4));
    expect(tables(pgd, levels - 1, 2)).toBe(1);
    runAlone(archFlushShadowAll(kvm));
    expect(kvm.pgd.peek()).toBe(null);
  },
);

test('a page of what the host maps huge brings a block; a fault outside of any slot is an error', () => {
  freshArena(1 << 17);
  const { kvm, mm } = createArmVm({ levels: 2, pages: 2, hugePages: true });
  expect(runAlone(handleGuestAbort(kvm, mm, write(1)))).toBe(0);
  expect(tables(kvm.pgd.peek() as Stage2Table, 1, 2)).toBe(1);
  expect(runAlone(handleGuestAbort(kvm, mm, write(2)))).toBe(-14);
});
