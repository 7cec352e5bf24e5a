/**
 * Goal: whatever one thread does after another to memory that is sometimes huge and sometimes logged, the guest reads what
 * it wrote, each write since a harvest is in the next one, and the host's references add up.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pageReferenced } from '../host/aging.ts';
import { collapseHugePage } from '../host/khugepaged.ts';
import { mergePages } from '../host/ksm.ts';
import { migratePage } from '../host/migrate.ts';
import { allocFrame, type MmStruct, PTE_PRESENT, ptePfn, putPage } from '../host/mm.ts';
import { swapOut } from '../host/reclaim.ts';
import { guestRead, guestWrite } from '../hw/guest-access.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { gfn, gpa, hva, PAGE_SIZE } from '../types.ts';
import { clearDirtyLog } from '../virt/clear-dirty-log.ts';
import { createVcpu } from '../virt/create-vcpu.ts';
import { createVm, type VmOptions } from '../virt/create-vm.ts';
import { getDirtyLog } from '../virt/get-dirty-log.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { setUserMemoryRegion } from '../virt/memory-region.ts';
import { KVM_MEM_LOG_DIRTY_PAGES } from '../virt/memslots.ts';
import { isLarge, isShadowPresent } from './spte-predicates.ts';
import { rcuDoBatch } from './tdp-free.ts';
import { childOf } from './tdp-geometry.ts';
import { mmuLoad } from './tdp-roots.ts';
import { formatOf } from './tdp-spte.ts';
import { writeProtectForTracking } from './tdp-write-protect-gfn.ts';

const PAGES = 6;
const FRAMES = 12;

interface Machine {
  readonly kvm: Kvm;
  readonly mm: MmStruct;
  readonly vcpus: readonly Vcpu[];
  /** What each page holds, and which pages were written since they were last named in a log. */
  readonly content: bigint[];
  readonly unlogged: Set<number>;
  readonly manual: boolean;
  logging: boolean;
  next: bigint;
}

/** One call: what it is, and a page or a bitmap. */
type Call = readonly [name: keyof typeof CALLS, arg: number];

const at = (page: number) => gpa(page * PAGE_SIZE);
const behind = (page: number) => hva(page * PAGE_SIZE);

const CALLS = {
  write(m: Machine, arg: number) {
    const page = arg % PAGES;
    m.content[page] = m.next;
    runAlone(guestWrite(m.vcpus[arg % 2] as Vcpu, at(page), m.next++));
    if (m.logging) m.unlogged.add(page);
  },
  read(m: Machine, arg: number) {
    const page = arg % PAGES;
    expect(runAlone(guestRead(m.vcpus[arg % 2] as Vcpu, at(page))).value).toBe(m.content[page]);
  },
  swapOut: (m: Machine, arg: number) => runAlone(swapOut(m.kvm, behind(arg % PAGES))),
  merge: (m: Machine, arg: number) =>
    runAlone(mergePages(m.kvm, behind(arg % PAGES), behind((arg + 1) % PAGES))),
  migrate(m: Machine, arg: number) {
    const to = runAlone(allocFrame(m.mm));
    if (to === null) return;
    runAlone(migratePage(m.kvm, behind(arg % PAGES), to));
    runAlone(putPage(m.mm, to));
  },
  age: (m: Machine, arg: number) => runAlone(pageReferenced(m.kvm, behind(arg % PAGES))),
  collapse: (m: Machine, arg: number) => runAlone(collapseHugePage(m.kvm, behind(arg % PAGES))),
  track: (m: Machine, arg: number) => runAlone(writeProtectForTracking(m.kvm, gfn(arg % PAGES))),
  free: (m: Machine) => runAlone(rcuDoBatch(m.kvm)),
  toggle(m: Machine) {
    m.logging = !m.logging;
    m.unlogged.clear();
    expect(runAlone(setUserMemoryRegion(m.kvm, slotOf(m.logging)))).toBe(0);
  },
  harvest(m: Machine, arg: number) {
    const log = runAlone(getDirtyLog(m.kvm, 0));
    if (!m.logging) return;
    const [bits] = log as number[];
    for (const page of m.unlogged) expect((bits as number) & (1 << page)).not.toBe(0);
    if (!m.manual) m.unlogged.clear();
    else clear(m, (bits as number) & arg);
  },
};

/** KVM_CLEAR_DIRTY_LOG of some pages: from here on their writes count anew. */
function clear(m: Machine, bits: number): void {
  const log = { slot: 0, firstPage: 0, numPages: PAGES, bitmap: [bits] };
  expect(runAlone(clearDirtyLog(m.kvm, log))).toBe(0);
  for (let page = 0; page < PAGES; page++) if ((bits & (1 << page)) !== 0) m.unlogged.delete(page);
}

function slotOf(logging: boolean) {
  return {
    slot: 0,
    flags: logging ? KVM_MEM_LOG_DIRTY_PAGES : 0,
    guestPhysAddr: 0n,
    memorySize: BigInt(PAGES * PAGE_SIZE),
    userspaceAddr: 0n,
  };
}

function machine(options: VmOptions): Machine {
  freshArena(1 << 18);
  const kvm = runAlone(createVm(options));
  expect(runAlone(setUserMemoryRegion(kvm, slotOf(false)))).toBe(0);
  const vcpus = [0, 1].map((id) => runAlone(createVcpu(kvm, id)) as Vcpu);
  for (const vcpu of vcpus) runAlone(mmuLoad(vcpu));
  const content = new Array<bigint>(PAGES).fill(0n);
  const manual = options.dirtyLogManualProtect === true;
  return {
    kvm,
    mm: kvm.mmStruct as MmStruct,
    vcpus,
    content,
    unlogged: new Set(),
    manual,
    logging: false,
    next: 1n,
  };
}

/** Each frame has as many references as entries of the host name it. */
function expectNoLeak({ mm }: Machine): void {
  const named = new Array<number>(FRAMES).fill(0);
  for (let page = 0; page < PAGES; page++) {
    const pte = mm.ptes.at(page).peek();
    if ((pte & PTE_PRESENT) !== 0n) named[ptePfn(pte)] = (named[ptePfn(pte)] ?? 0) + 1;
  }
  expect(named.map((_, i) => mm.page.at(i).refcount.peek())).toEqual(named);
}

const anOption = fc.record({
  dirtyLogManualProtect: fc.boolean(),
  dirtyLogInitiallySet: fc.boolean(),
  eagerPageSplit: fc.boolean(),
  adBits: fc.boolean(),
  pml: fc.constantFrom(0, 2),
});
/** How often a call comes up; 1 for the others: too many of what splits huge pages, and none is left to see anything with. */
const WEIGHTS: Partial<Record<keyof typeof CALLS, number>> = {
  write: 12,
  read: 3,
  toggle: 4,
  harvest: 4,
  collapse: 3,
};
const names = Object.keys(CALLS) as (keyof typeof CALLS)[];
const aCall: fc.Arbitrary<Call> = fc.tuple(
  fc.oneof(...names.map((name) => ({ weight: WEIGHTS[name] ?? 1, arbitrary: fc.constant(name) }))),
  fc.nat(63),
);
const someCalls = fc.array(aCall, { minLength: 10, maxLength: 80 });

test('no history loses a write, a bit of the log, or a reference', () => {
  let huge = 0;
  fc.assert(
    fc.property(anOption, someCalls, ({ eagerPageSplit, adBits, pml, ...log }, calls) => {
      const mmu = { pages: PAGES, frames: FRAMES, levels: 3, hugePages: true, eagerPageSplit, adBits };
      const m = machine({
        ...log,
        // Initially-set is a mode of manual protection.
        dirtyLogInitiallySet: log.dirtyLogInitiallySet && log.dirtyLogManualProtect,
        mmu: { ...mmu, pml: adBits ? pml : 0 },
      });
      for (const [name, arg] of calls) {
        CALLS[name](m, arg);
        expectNoLeak(m);
      }
      for (let page = 0; page < PAGES; page++) CALLS.read(m, page);
      huge += hugeEntries(m);
    }),
    { numRuns: 600, seed: 6 },
  );
  expect(huge).toBeGreaterThan(100);
});

/** Huge pages that are mapped at the end: a test in which there are none says little. */
function hugeEntries({ kvm }: Machine): number {
  let found = 0;
  const top = kvm.roots.get(0)?.spt;
  for (let i = 0; top !== undefined && i < 2; i++) {
    const entry = top.at(i).peek();
    if (!isShadowPresent(formatOf(kvm), entry)) continue;
    for (let k = 0; k < 2; k++) if (isLarge(childEntry(entry, k))) found++;
  }
  return found;
}

function childEntry(entry: bigint, index: number): bigint {
  return childOf(entry).spt.at(index).peek();
}
