/** Goal: huge pages of the host lose no frame and give none away that is in use; splitting one changes nothing else. */
import { expect, test } from 'vitest';
import { guestRead, guestWrite } from '../hw/guest-access.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { gpa, hva, PAGE_SIZE, type Pfn } from '../types.ts';
import { createVcpu } from '../virt/create-vcpu.ts';
import { createVm } from '../virt/create-vm.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { setUserMemoryRegion } from '../virt/memory-region.ts';
import { isLarge } from '../x86/spte-predicates.ts';
import { childOf } from '../x86/tdp-geometry.ts';
import { mmuLoad } from '../x86/tdp-roots.ts';
import { mergePages } from './ksm.ts';
import { migratePage } from './migrate.ts';
import { allocFrame, type MmStruct, PMD_HUGE, PTE_PRESENT, ptePfn, putPage } from './mm.ts';
import { swapOut } from './reclaim.ts';
import { mprotectReadOnly, munmap } from './unmap.ts';

const PAGES = 4;
const FRAMES = 6;
const at = (page: number) => gpa(page * PAGE_SIZE);
const behind = (page: number) => hva(page * PAGE_SIZE);

/** Pages 0 and 1 are a huge page, 2 and 3 another; page n holds n + 1. */
function hugeVm(): { kvm: Kvm; vcpu: Vcpu; mm: MmStruct } {
  freshArena(1 << 18);
  const mmu = { pages: PAGES, frames: FRAMES, levels: 2, hugePages: true };
  const kvm = runAlone(createVm({ form: 'modern', mmu }));
  const slot = {
    slot: 0,
    flags: 0,
    guestPhysAddr: 0n,
    memorySize: BigInt(PAGES * PAGE_SIZE),
    userspaceAddr: 0n,
  };
  expect(runAlone(setUserMemoryRegion(kvm, slot))).toBe(0);
  const vcpu = runAlone(createVcpu(kvm, 0)) as Vcpu;
  runAlone(mmuLoad(vcpu));
  for (let page = 0; page < PAGES; page++) runAlone(guestWrite(vcpu, at(page), BigInt(page + 1)));
  return { kvm, vcpu, mm: kvm.mmStruct as MmStruct };
}

const isHostHuge = (mm: MmStruct, page: number) => (mm.pmds.at(page >> 1).peek() & PMD_HUGE) !== 0n;
const entryOf = (kvm: Kvm, page: number) =>
  kvm.roots
    .get(0)
    ?.spt.at(page >> 1)
    .peek() ?? 0n;

/** Each frame has as many references as entries of the host name it. */
function expectNoLeak(mm: MmStruct): void {
  const named = new Array<number>(FRAMES).fill(0);
  for (let page = 0; page < PAGES; page++) {
    const pte = mm.ptes.at(page).peek();
    if ((pte & PTE_PRESENT) !== 0n) named[ptePfn(pte)] = (named[ptePfn(pte)] ?? 0) + 1;
  }
  expect(named.map((_, i) => mm.page.at(i).refcount.peek())).toEqual(named);
}

test('a fault maps what the host maps as a whole, and both pages of it', () => {
  const { kvm, mm } = hugeVm();
  for (const page of [0, 2]) {
    expect(isHostHuge(mm, page)).toBe(true);
    expect(isLarge(entryOf(kvm, page))).toBe(true);
  }
  expectNoLeak(mm);
});

test.each<[string, (kvm: Kvm) => unknown, readonly number[]]>([
  ['swapping a page out', (kvm) => runAlone(swapOut(kvm, behind(1))), [0]],
  ['unmapping a page', (kvm) => runAlone(munmap(kvm, behind(1), behind(2))), [0]],
  ['unmapping pages of two huge pages', (kvm) => runAlone(munmap(kvm, behind(1), behind(3))), [0, 2]],
  ['making a page read-only', (kvm) => runAlone(mprotectReadOnly(kvm, behind(0), behind(1))), [0]],
  ['comparing two pages', (kvm) => runAlone(mergePages(kvm, behind(0), behind(2))), [0, 2]],
])('%s splits the huge pages that it touches and no other, and keeps the other pages', (_, change, split) => {
  const { kvm, vcpu, mm } = hugeVm();
  change(kvm);
  for (const page of [0, 2]) expect(isHostHuge(mm, page)).toBe(!split.includes(page));
  expectNoLeak(mm);
  for (const page of [0, 3]) expect(runAlone(guestRead(vcpu, at(page))).value).toBe(BigInt(page + 1));
  for (const page of split) expect(isLarge(entryOf(kvm, page))).toBe(false);
  expectNoLeak(mm);
});

test('a page moved out of a huge page keeps its content, and its old frame is free', () => {
  const { kvm, vcpu, mm } = hugeVm();
  const to = runAlone(allocFrame(mm)) as Pfn;
  expect(runAlone(migratePage(kvm, behind(1), to))).toBe(1);
  runAlone(putPage(mm, to));
  expectNoLeak(mm);
  expect(runAlone(guestRead(vcpu, at(1))).value).toBe(2n);
  expect(mm.page.at(1).refcount.peek()).toBe(0);
});

test('no frame of a huge page is allocated while it is mapped', () => {
  const { mm } = hugeVm();
  expect([runAlone(allocFrame(mm)), runAlone(allocFrame(mm)), runAlone(allocFrame(mm))]).toEqual([
    4,
    5,
    null,
  ]);
});

test('a page written through a huge page is written to swap when it goes, and its neighbours with it', () => {
  const { kvm, mm } = hugeVm();
  runAlone(swapOut(kvm, behind(0)));
  runAlone(swapOut(kvm, behind(1)));
  expect([mm.swap.at(0).peek(), mm.swap.at(1).peek()]).toEqual([1n, 2n]);
});

test('after the split the guest has small pages, each in the frame that it had', () => {
  const { kvm, vcpu, mm } = hugeVm();
  runAlone(swapOut(kvm, behind(0)));
  runAlone(guestRead(vcpu, at(1)));
  const entry = entryOf(kvm, 0);
  expect(isLarge(entry)).toBe(false);
  expect(ptePfn(childOf(entry).spt.at(1).peek() & ((1n << 52n) - 1n))).toBe(1);
  expect(mm.page.at(1).content.peek()).toBe(2n);
});

test('huge pages need tables of two levels', () => {
  freshArena();
  expect(() => runAlone(createVm({ mmu: { pages: 2, frames: 2, hugePages: true } }))).toThrow(/level 2/);
});
