/** Goal: a huge page is mapped where slot and host allow it and nowhere else, and small pages inherit all that it was. */
import { expect, test } from 'vitest';
import { guestRead, guestWrite } from '../hw/guest-access.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { gfn, gpa, hva, PAGE_SIZE } from '../types.ts';
import { createVcpu } from '../virt/create-vcpu.ts';
import { createVm, type VmOptions } from '../virt/create-vm.ts';
import { getDirtyLog } from '../virt/get-dirty-log.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { setUserMemoryRegion } from '../virt/memory-region.ts';
import { KVM_MEM_LOG_DIRTY_PAGES } from '../virt/memslots.ts';
import { clearYoung } from '../virt/mmu-notifier-age.ts';
import { hugePagesOf } from './arm-huge-pages.ts';
import { isAccessed, isDirty, isLarge } from './spte-predicates.ts';
import { childOf } from './tdp-geometry.ts';
import { mmuLoad } from './tdp-roots.ts';
import { makeSplitSpte } from './tdp-split.ts';
import { formatOf } from './tdp-spte.ts';

type Mmu = NonNullable<VmOptions['mmu']>;

/** Eight pages of the host, huge ones of two; `base` and `pages` of the slot, whose memory starts at page `host`. */
function vmWith(
  { base, pages, host, flags = 0 }: { base: number; pages: number; host: number; flags?: number },
  more: Partial<Mmu> = {},
): { kvm: Kvm; vcpu: Vcpu } {
  freshArena(1 << 18);
  const mmu = { pages: 8, frames: 8, levels: 2, indexBits: 2, ...more, hugePages: true };
  const kvm = runAlone(createVm({ form: 'modern', mmu }));
  runAlone(setUserMemoryRegion(kvm, slotOf(base, pages, host, flags)));
  const vcpu = runAlone(createVcpu(kvm, 0)) as Vcpu;
  runAlone(mmuLoad(vcpu));
  return { kvm, vcpu };
}

function slotOf(base: number, pages: number, host: number, flags: number) {
  return {
    slot: 0,
    flags,
    guestPhysAddr: BigInt(base * PAGE_SIZE),
    memorySize: BigInt(pages * PAGE_SIZE),
    userspaceAddr: BigInt(host * PAGE_SIZE),
  };
}

const at = (page: number) => gpa(page * PAGE_SIZE);
/** With tables of two levels and four entries: the entry of four frames. */
const entryOf = (kvm: Kvm, page: number) =>
  kvm.roots
    .get(0)
    ?.spt.at(page >> 2)
    .peek() ?? 0n;

test.each<[string, { base: number; pages: number; host: number; flags?: number }, readonly boolean[]]>([
  ['a slot of two whole ranges', { base: 0, pages: 8, host: 0 }, [true, true]],
  ['a slot that begins within a range', { base: 1, pages: 7, host: 1 }, [false, true]],
  ['a slot that ends within a range', { base: 0, pages: 7, host: 0 }, [true, false]],
  [
    'guest and host addresses that lie differently in their ranges',
    { base: 0, pages: 7, host: 1 },
    [false, false],
  ],
  ['guest and host addresses a whole range apart', { base: 0, pages: 4, host: 4 }, [true, false]],
  ['a slot that logs', { base: 0, pages: 8, host: 0, flags: KVM_MEM_LOG_DIRTY_PAGES }, [false, false]],
])('%s', (_, slot, huge) => {
  const { kvm, vcpu } = vmWith(slot);
  for (let page = slot.base; page < slot.base + slot.pages; page++) {
    runAlone(guestWrite(vcpu, at(page), BigInt(page)));
  }
  for (let page = slot.base; page < slot.base + slot.pages; page++) {
    expect(runAlone(guestRead(vcpu, at(page))).value).toBe(BigInt(page));
  }
  expect([0, 4].map((page) => isLarge(entryOf(kvm, page)))).toEqual(huge);
});

test('a small page of a split one differs from it in its frame and in the page-size bit only', () => {
  const { kvm, vcpu } = vmWith({ base: 0, pages: 8, host: 0 });
  runAlone(guestWrite(vcpu, at(5), 7n));
  const huge = entryOf(kvm, 5);
  for (let i = 0; i < 4; i++) {
    expect(makeSplitSpte(kvm, huge, i) ^ huge).toBe((1n << 7n) | (BigInt(i) << 12n));
  }
});

test('while logging a huge page stays until it is written, then one page is logged and the others still fault', () => {
  const { kvm, vcpu } = vmWith({ base: 0, pages: 8, host: 0 });
  runAlone(guestWrite(vcpu, at(5), 7n));
  runAlone(setUserMemoryRegion(kvm, slotOf(0, 8, 0, KVM_MEM_LOG_DIRTY_PAGES)));
  expect(runAlone(guestRead(vcpu, at(6))).value).toBe(0n);
  expect(isLarge(entryOf(kvm, 5))).toBe(true);
  runAlone(guestWrite(vcpu, at(5), 8n));
  expect(isLarge(entryOf(kvm, 5))).toBe(false);
  const table = childOf(entryOf(kvm, 5)).spt;
  expect([4, 5, 6, 7].map((page) => table.at(page - 4).peek() & 2n)).toEqual([0n, 2n, 0n, 0n]);
  runAlone(guestWrite(vcpu, at(7), 9n));
  expect(runAlone(getDirtyLog(kvm, 0))).toEqual([0b1010_0000]);
});

test('a harvest with pages that are still huge passes over them', () => {
  const { kvm, vcpu } = vmWith({ base: 0, pages: 8, host: 0 });
  runAlone(guestWrite(vcpu, at(1), 7n));
  runAlone(setUserMemoryRegion(kvm, slotOf(0, 8, 0, KVM_MEM_LOG_DIRTY_PAGES)));
  expect(runAlone(getDirtyLog(kvm, 0))).toEqual([0]);
  expect(isLarge(entryOf(kvm, 1))).toBe(true);
});

test.each([true, false])(
  'a huge page that is aged counts as unused until it is used again (A/D bits: %s)',
  (adBits) => {
    const { kvm, vcpu } = vmWith({ base: 0, pages: 8, host: 0 }, { adBits });
    runAlone(guestWrite(vcpu, at(1), 7n));
    expect(runAlone(clearYoung(kvm, hva(2 * PAGE_SIZE), hva(3 * PAGE_SIZE)))).toBe(true);
    expect(isAccessed(formatOf(kvm), entryOf(kvm, 1))).toBe(false);
    vcpu.tlb.entries.set(1, 0n);
    expect(runAlone(guestRead(vcpu, at(1))).value).toBe(7n);
    expect(isAccessed(formatOf(kvm), entryOf(kvm, 1))).toBe(true);
    expect(isLarge(entryOf(kvm, 1))).toBe(true);
    // Without a Dirty bit W said it, which tracking took: the host was told of every page.
    const told = [0, 1, 2, 3].map((page) => (kvm.mmStruct?.page.at(page).flags.peek() ?? 0) & 1);
    expect(isDirty(formatOf(kvm), entryOf(kvm, 1)) || told.every((flag) => flag === 1)).toBe(true);
  },
);

test('huge pages of a range are counted from the one that its first page is in', () => {
  const { kvm } = vmWith({ base: 0, pages: 8, host: 0 });
  expect(hugePagesOf(kvm, gfn(3), gfn(4))).toEqual([0, 4]);
  expect(hugePagesOf(kvm, gfn(0), gfn(3))).toEqual([0]);
  expect(hugePagesOf(kvm, gfn(7), gfn(13))).toEqual([4, 8, 12]);
});
