/**
 * Goal: whatever one guest does to its own page tables, as long as it flushes after writing, the shadow MMU and a plain walk
 * of two stages agree: on what is read, on what faults, and on the Accessed and Dirty bits in the guest's own tables. Every
 * word of guest memory looks like an entry, so that any page may be a table, at any level, or at several at once.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { guestRead, guestWrite, Via } from '../../hw/guest-access.ts';
import { freshArena, runAlone } from '../../run-alone.ts';
import { gfn, gpa, hva, PAGE_SIZE, type Pfn } from '../../types.ts';
import { createVcpu } from '../../virt/create-vcpu.ts';
import { createVm } from '../../virt/create-vm.ts';
import { getDirtyLog } from '../../virt/get-dirty-log.ts';
import type { Kvm, Vcpu } from '../../virt/kvm.ts';
import { setUserMemoryRegion } from '../../virt/memory-region.ts';
import { KVM_MEM_LOG_DIRTY_PAGES } from '../../virt/memslots.ts';
import { invalidateRangeEnd, invalidateRangeStart } from '../../virt/mmu-notifier.ts';
import { frameWord } from './guest-tables.ts';
import { invlpg, loadCr3 } from './roots.ts';
import type { ShadowOptions } from './shadow-mmu.ts';
import { guestMmuOf, shadowOf } from './shadow-mmu.ts';
import { shadowZapAllFast } from './zap-all.ts';

/** Guest memory: this many pages; the frame after them is backed by nothing. */
const PAGES = 6;
const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const ACCESSED = 32n;
const DIRTY = 64n;
const LARGE = 128n;

interface Shape {
  readonly levels: number;
  readonly indexBits: number;
}

interface Ended {
  readonly ends: (typeof Via)[keyof typeof Via];
  /** What the word held, if memory was touched. */
  readonly before?: bigint;
}

/** A guest and its hardware, with no TLB and no shadow: what the architecture says. */
class Plain {
  readonly words: bigint[][];
  readonly written = new Set<number>();
  cr3 = 0;
  user = false;

  constructor(
    readonly shape: Shape,
    memory: readonly bigint[][],
  ) {
    this.words = memory.map((page) => [...page]);
  }

  access(page: number, word: number, value: bigint | null): Ended {
    const { levels, indexBits } = this.shape;
    const entries = 2 ** indexBits;
    const passed: [table: number, index: number][] = [];
    let frame = this.cr3;
    let allowed = WRITABLE | USER;
    let level = levels;
    for (; ; level--) {
      const index = Math.floor(page / entries ** (level - 1)) % entries;
      const entry = this.words[frame]?.[index];
      if (entry === undefined || (entry & PRESENT) === 0n) return { ends: Via.GUEST_FAULT };
      passed.push([frame, index]);
      allowed &= entry;
      frame = Number(entry >> 12n);
      if (level === 1 || (level === 2 && (entry & LARGE) !== 0n)) break;
    }
    if (value !== null && (allowed & WRITABLE) === 0n) return { ends: Via.GUEST_FAULT };
    if (this.user && (allowed & USER) === 0n) return { ends: Via.GUEST_FAULT };
    for (const [i, [table, index]] of passed.entries()) {
      const bits = ACCESSED | (value !== null && i === passed.length - 1 ? DIRTY : 0n);
      const row = this.words[table] as bigint[];
      if (((row[index] as bigint) & bits) === bits) continue;
      row[index] = (row[index] as bigint) | bits;
      this.written.add(table);
    }
    const covered = entries ** (level - 1);
    const target = frame - (frame % covered) + (page % covered);
    const row = this.words[target];
    if (row === undefined) return { ends: Via.MMIO };
    const before = row[word] as bigint;
    if (value !== null) {
      row[word] = value;
      this.written.add(target);
    }
    return { ends: Via.RAM, before };
  }
}

interface Guest {
  readonly kvm: Kvm;
  readonly vcpus: readonly Vcpu[];
  readonly plain: Plain;
}

type Call = readonly [name: keyof typeof CALLS, page: number, word: number, value: bigint];

const CALLS = {
  write(g: Guest, page: number, word: number, value: bigint) {
    const before = access(g, page, word, value);
    // What becomes present needs no flush: the hardware does not remember that it was not.
    if (typeof before === 'bigint' && ((before & PRESENT) !== 0n || word > 3)) flush(g, value);
  },
  read: (g: Guest, page: number, word: number) => access(g, page, word, null),
  loadCr3(g: Guest, page: number) {
    g.plain.cr3 = page % PAGES;
    for (const vcpu of g.vcpus) runAlone(loadCr3(vcpu, gfn(page % PAGES)));
  },
  switchMode(g: Guest) {
    g.plain.user = !g.plain.user;
    for (const vcpu of g.vcpus) guestMmuOf(vcpu).user = g.plain.user ? 1 : 0;
  },
  /** The host looks at a page, and leaves it as it is. */
  invalidate({ kvm }: Guest, page: number) {
    const start = hva((page % PAGES) * PAGE_SIZE);
    const end = hva(start + PAGE_SIZE);
    runAlone(invalidateRangeStart(kvm, start, end));
    runAlone(invalidateRangeEnd(kvm, start, end));
  },
  zapAll: ({ kvm }: Guest) => runAlone(shadowZapAllFast(kvm)),
  harvest({ kvm, plain }: Guest) {
    const [bits] = runAlone(getDirtyLog(kvm, 0)) as number[];
    for (const page of plain.written) expect((bits as number) & (1 << page)).not.toBe(0);
    plain.written.clear();
  },
};

/** Returns what the word held before. */
function access({ kvm, vcpus, plain }: Guest, page: number, word: number, value: bigint | null) {
  const { levels, indexBits } = plain.shape;
  const virtual = page % 2 ** (levels * indexBits);
  const address = gpa(virtual * PAGE_SIZE + 8 * (word % 2 ** indexBits));
  const vcpu = vcpus[word % 2] as Vcpu;
  const seen = runAlone(value === null ? guestRead(vcpu, address) : guestWrite(vcpu, address, value));
  const { before, ends } = plain.access(virtual, word % 2 ** indexBits, value);
  if (ends !== Via.RAM) expect(seen.via).toBe(ends);
  else expect(seen).toEqual({ via: Via.RAM, value: value ?? before });
  expect(memoryOf(kvm, plain.shape)).toEqual(plain.words);
  return before;
}

/** As a guest has to after it wrote what may be a table: by CR3, or page by page; on every vCPU. */
function flush({ vcpus, plain }: Guest, value: bigint): void {
  for (const vcpu of vcpus) {
    if ((value >> 12n) % 2n === 0n) runAlone(loadCr3(vcpu, gfn(plain.cr3)));
    else {
      const pages = 2 ** (plain.shape.levels * plain.shape.indexBits);
      for (let page = 0; page < pages; page++) runAlone(invlpg(vcpu, page));
    }
  }
}

function memoryOf(kvm: Kvm, { indexBits }: Shape): bigint[][] {
  return Array.from({ length: PAGES }, (_, page) =>
    Array.from({ length: 2 ** indexBits }, (_, word) => frameWord(kvm, page as Pfn, word).peek()),
  );
}

function guest(shape: Shape, shadow: ShadowOptions, memory: readonly bigint[][]): Guest {
  freshArena(1 << 19);
  const kvm = runAlone(createVm({ mmu: { pages: PAGES, frames: PAGES, ...shape, shadow } }));
  const region = { guestPhysAddr: 0n, memorySize: BigInt(PAGES * PAGE_SIZE), userspaceAddr: 0n };
  expect(runAlone(setUserMemoryRegion(kvm, { slot: 0, flags: KVM_MEM_LOG_DIRTY_PAGES, ...region }))).toBe(0);
  const vcpus = [0, 1].map((id) => runAlone(createVcpu(kvm, id)) as Vcpu);
  for (const vcpu of vcpus) guestMmuOf(vcpu).paging = 1;
  for (const [page, words] of memory.entries()) {
    for (const [word, value] of words.entries()) frameWord(kvm, page as Pfn, word).poke(value);
  }
  return { kvm, vcpus, plain: new Plain(shape, memory) };
}

/** Every mirrored table is tracked as often as pages mirror it, and no page outlives its quota. */
function expectAccounts({ kvm }: Guest, most: number): void {
  const mmu = shadowOf(kvm);
  const tracked = new Array<number>(PAGES).fill(0);
  let used = 0;
  for (let page = mmu.activeMmuPages; page !== null; page = page.link) {
    used++;
    if (page.direct === 0 && page.level > 1) tracked[page.gfn] = (tracked[page.gfn] ?? 0) + 1;
  }
  expect(used).toBe(mmu.nUsedMmuPages);
  expect(used).toBeLessThanOrEqual(most);
  expect(tracked.map((_, i) => mmu.frame.at(i).writeTracked.peek())).toEqual(tracked);
}

/** Mostly an entry that allows everything: else nearly every access would fault. */
const anEntry = fc
  .record({
    frame: fc.oneof(
      { weight: 30, arbitrary: fc.nat(PAGES - 1) },
      { weight: 1, arbitrary: fc.constant(PAGES) },
    ),
    flags: fc.oneof({ weight: 4, arbitrary: fc.constant(7) }, { weight: 1, arbitrary: fc.nat(7) }),
    noted: fc.constantFrom(0n, 0n, ACCESSED, ACCESSED | DIRTY, ACCESSED | DIRTY),
    large: fc.integer({ min: 0, max: 15 }),
  })
  .map(({ frame, flags, noted, large }) => {
    return (BigInt(frame) << 12n) | BigInt(flags) | noted | (large === 0 ? LARGE : 0n);
  });

const aCall: fc.Arbitrary<Call> = fc.tuple(
  fc.constantFrom<Call[0]>(
    'write',
    'write',
    'write',
    'read',
    'read',
    'loadCr3',
    'switchMode',
    'invalidate',
    'zapAll',
    'harvest',
  ),
  fc.nat(15),
  fc.nat(7),
  anEntry,
);

const SHAPES: readonly Shape[] = [
  { levels: 2, indexBits: 1 },
  { levels: 2, indexBits: 2 },
  { levels: 3, indexBits: 1 },
];

/** Runs histories until one shows a difference. */
function histories(shape: Shape, options: ShadowOptions, numRuns: number): fc.RunDetails<unknown> {
  const entries = 2 ** shape.indexBits;
  const aPage = fc.array(anEntry, { minLength: entries, maxLength: entries });
  const property = fc.property(
    fc.array(aPage, { minLength: PAGES, maxLength: PAGES }),
    fc.array(aCall, { minLength: 1, maxLength: 30 }),
    (memory, calls) => {
      const g = guest(shape, options, memory);
      for (const [name, page, word, value] of calls) CALLS[name](g, page, word, value);
      CALLS.harvest(g);
      expectAccounts(g, options.maxPages ?? 1 << 30);
    },
  );
  return fc.check(property, { numRuns });
}

test.each(SHAPES.flatMap((shape) => [0, 1].map((form) => [shape, form] as const)))(
  'the shadow MMU shows the guest what its tables say: %j, form %j',
  (shape, form) => {
    const options = { spinlock: true, alwaysFlush: true, maxPages: shape.levels + 2 };
    const found = histories(shape, form === 0 ? {} : options, 840);
    if (found.failed) throw new Error(`${fc.defaultReportMessage(found)}`, { cause: found.errorInstance });
  },
  60_000,
);
