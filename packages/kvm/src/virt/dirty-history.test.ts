/**
 * Histories of one thread: what a guest does, what the host does to its pages, and what a VMM asks. A model that logs every
 * write says what each bitmap and each ring must hold; there is nothing in it of SPTEs, TLBs or locks.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EINVAL, ENOENT, ENXIO } from '../errno.ts';
import { pageReferenced } from '../host/aging.ts';
import { reapDirtyRing } from '../host/dirty-ring-reaper.ts';
import { swapOut } from '../host/reclaim.ts';
import { assemble } from '../hw/guest-program.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { type Hva, PAGE_SIZE } from '../types.ts';
import { clearDirtyLog } from './clear-dirty-log.ts';
import { createVcpu } from './create-vcpu.ts';
import { createVm, type VmOptions } from './create-vm.ts';
import { resetDirtyRings } from './dirty-ring-ioctl.ts';
import { KvmExit } from './exit.ts';
import { getDirtyLog } from './get-dirty-log.ts';
import type { Kvm, Vcpu } from './kvm.ts';
import { setUserMemoryRegion } from './memory-region.ts';
import { KVM_MEM_LOG_DIRTY_PAGES } from './memslots.ts';
import { vcpuRun } from './vcpu-run.ts';

const RUNS = 720;
/** More than one word of 64 bits, and not a multiple of one. */
const PAGES = 70;
const VCPUS = 2;

type Step =
  | { readonly do: 'write' | 'read'; readonly vcpu: number; readonly page: number }
  | { readonly do: 'swap out' | 'age'; readonly page: number }
  | {
      readonly do: 'clear';
      readonly first: number;
      readonly pages: number;
      readonly bitmap: readonly number[];
    }
  | { readonly do: 'get' | 'switch logging' | 'reset rings' }
  | { readonly do: 'reap'; readonly vcpu: number };

const vcpu = fc.nat({ max: VCPUS - 1 });
/** Few pages, so that histories meet; both ends of both words. */
const page = fc.constantFrom(0, 1, 2, 31, 32, 63, 64, PAGES - 1);
const bitmap = fc.array(fc.oneof(fc.constant(0xffff_ffff), fc.nat({ max: 0xffff_ffff })), {
  minLength: 3,
  maxLength: 3,
});
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('write', 'write', 'read'), vcpu, page }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('swap out', 'age'), page }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('get', 'get', 'reset rings') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('switch logging') }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('reap'), vcpu }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('clear'),
        first: fc.constantFrom(0, 64, 128, 1),
        pages: fc.constantFrom(64, PAGES, PAGES - 64, 32, 128),
        bitmap,
      }),
    },
  ) as fc.Arbitrary<Step>,
  { minLength: 5, maxLength: 25 },
);

/** What the VMM has to be told, by a model that knows only of accesses. */
class Model {
  private readonly mapped = new Set<number>();
  /** Named since it was last armed: a further write says nothing new. */
  private readonly named = new Set<number>();
  readonly dirty = new Set<number>();
  /** By vCPU: pages that its ring holds; those that user space took, for the next reset. */
  readonly rings: number[][] = [[], []];
  private taken: number[] = [];

  constructor(
    public logging: boolean,
    private readonly options: VmOptions,
  ) {
    if (logging) this.fill();
  }

  /** Returns whether the access says something new. A page is mapped writable, whatever it is wanted for. */
  access(by: number, at: number, write: boolean): boolean {
    const news = this.logging && ((write && !this.named.has(at)) || !this.mapped.has(at));
    this.mapped.add(at);
    if (!news) return false;
    this.named.add(at);
    this.dirty.add(at);
    this.rings[by]?.push(at);
    return true;
  }

  unmap(at: number): void {
    this.mapped.delete(at);
    this.named.delete(at);
  }

  /** Without A/D bits a page that counts as unused cannot be written before it is logged once more. */
  age(at: number): void {
    if (this.options.mmu?.adBits === false) this.named.delete(at);
  }

  switchLogging(): void {
    this.logging = !this.logging;
    this.dirty.clear();
    this.named.clear();
    // Tables are thrown away, so that larger pages may take their place.
    if (this.logging) this.fill();
    else this.mapped.clear();
  }

  private fill(): void {
    if (this.options.dirtyLogInitiallySet) for (let at = 0; at < PAGES; at++) this.dirty.add(at);
  }

  clear(at: number): void {
    this.dirty.delete(at);
    this.named.delete(at);
  }

  take(by: number): number[] {
    const pages = this.rings[by] as number[];
    this.rings[by] = [];
    this.taken.push(...pages);
    return pages;
  }

  reset(): number {
    const { taken } = this;
    this.taken = [];
    for (const at of taken) this.named.delete(at);
    return taken.length;
  }
}

class History {
  private readonly kvm: Kvm;
  private readonly vcpus: Vcpu[] = [];
  private readonly model: Model;
  private readonly fetched = [0, 0];
  private writes = 0n;

  constructor(private readonly options: VmOptions) {
    freshArena(1 << 19);
    this.kvm = runAlone(
      createVm({
        ...options,
        mmu: { pages: PAGES, frames: PAGES + 2, levels: 4, indexBits: 2, ...options.mmu },
      }),
    );
    this.setLogging(true);
    this.model = new Model(true, options);
    for (let i = 0; i < VCPUS; i++) this.vcpus.push(runAlone(createVcpu(this.kvm, i)) as Vcpu);
  }

  private setLogging(on: boolean): void {
    const flags = on ? KVM_MEM_LOG_DIRTY_PAGES : 0;
    const memorySize = BigInt(PAGES * PAGE_SIZE);
    expect(
      runAlone(
        setUserMemoryRegion(this.kvm, { slot: 0, flags, guestPhysAddr: 0n, memorySize, userspaceAddr: 0n }),
      ),
    ).toBe(0);
  }

  do(step: Step): void {
    switch (step.do) {
      case 'write':
      case 'read':
        this.access(step.vcpu, step.page, step.do === 'write');
        return;
      case 'swap out':
        runAlone(swapOut(this.kvm, (step.page * PAGE_SIZE) as Hva));
        this.model.unmap(step.page);
        return;
      case 'age':
        runAlone(pageReferenced(this.kvm, (step.page * PAGE_SIZE) as Hva));
        this.model.age(step.page);
        return;
      case 'get':
        this.get();
        return;
      case 'clear':
        this.clear(step.first, step.pages, step.bitmap);
        return;
      case 'switch logging':
        this.model.switchLogging();
        this.setLogging(this.model.logging);
        return;
      case 'reap':
        if (this.options.dirtyRing !== undefined) this.reap(step.vcpu);
        return;
      default:
        this.reset();
    }
  }

  private access(by: number, at: number, write: boolean): void {
    const on = this.vcpus[by] as Vcpu;
    this.writes++;
    const gpa = at * PAGE_SIZE;
    on.program = assemble([
      write ? { op: 'store', gpa, value: this.writes } : { op: 'load', gpa },
      { op: 'hlt' },
    ]);
    on.rip = 0;
    for (;;) {
      // With a full ring the guest does not run at all; if its access fills the ring, it leaves before it is done.
      const leaves = this.isFull(by) || (this.model.access(by, at, write) && this.isFull(by));
      expect(runAlone(vcpuRun(on))).toBe(0);
      expect(on.run.exitReason).toBe(leaves ? KvmExit.DIRTY_RING_FULL : KvmExit.HLT);
      if (!leaves) return;
      this.reap(by);
      this.reset();
    }
  }

  private isFull(by: number): boolean {
    const { entries = Number.POSITIVE_INFINITY, reserved = 0 } = this.options.dirtyRing ?? {};
    return (this.model.rings[by] as number[]).length + (this.waiting[by] as number) >= entries - reserved;
  }

  /** Entries that were taken and not reset: they are in the way too. */
  private readonly waiting = [0, 0];

  private reap(by: number): void {
    const found = runAlone(reapDirtyRing(this.vcpus[by] as Vcpu, this.fetched[by] as number));
    expect(found).toEqual(this.model.take(by).map((offset) => ({ slot: 0, offset })));
    this.fetched[by] = (this.fetched[by] as number) + found.length;
    this.waiting[by] = (this.waiting[by] as number) + found.length;
  }

  private reset(): void {
    const expected = this.options.dirtyRing === undefined ? -EINVAL : this.model.reset();
    expect(runAlone(resetDirtyRings(this.kvm))).toBe(expected);
    this.waiting.fill(0);
  }

  private get(): void {
    const log = runAlone(getDirtyLog(this.kvm, 0));
    if (this.options.dirtyRing !== undefined) expect(log).toBe(-ENXIO);
    else if (!this.model.logging) expect(log).toBe(-ENOENT);
    else {
      expect(pagesOf(log as number[])).toEqual([...this.model.dirty].sort((a, b) => a - b));
      if (!this.options.dirtyLogManualProtect) for (const at of this.model.dirty) this.model.clear(at);
    }
  }

  private clear(first: number, pages: number, bits: readonly number[]): void {
    const result = runAlone(
      clearDirtyLog(this.kvm, { slot: 0, firstPage: first, numPages: pages, bitmap: bits }),
    );
    expect(result).toBe(this.clearResult(first, pages));
    if (result !== 0) return;
    for (const at of pagesOf(bits))
      if (at < pages && this.model.dirty.has(first + at)) this.model.clear(first + at);
  }

  private clearResult(first: number, pages: number): number {
    if (this.options.dirtyRing !== undefined) return -ENXIO;
    if (first % 64 !== 0) return -EINVAL;
    if (!this.model.logging) return -ENOENT;
    const left = PAGES - first;
    return left < 0 || pages > left || (pages % 64 !== 0 && pages < left) ? -EINVAL : 0;
  }

  /** What is still to be asked for is right as well. */
  end(): void {
    this.get();
    if (this.options.dirtyRing !== undefined) for (let by = 0; by < VCPUS; by++) this.reap(by);
  }
}

function pagesOf(words: readonly number[]): number[] {
  return words.flatMap((word, i) =>
    Array.from({ length: 32 }, (_, b) => b).flatMap((b) => ((word >>> b) & 1 ? [i * 32 + b] : [])),
  );
}

const SMALL = { pages: PAGES, frames: PAGES + 2 };
test.each<[string, VmOptions]>([
  ['write protection', {}],
  ['write protection, without A/D bits', { mmu: { ...SMALL, adBits: false } }],
  ['a log of the hardware, of 2 entries', { mmu: { ...SMALL, pml: 2 } }],
  ['manual protection', { dirtyLogManualProtect: true }],
  ['manual protection, initially set', { dirtyLogManualProtect: true, dirtyLogInitiallySet: true }],
  ['rings of 8 entries', { dirtyRing: { entries: 8, reserved: 2 } }],
  [
    'rings of 4 entries, without A/D bits',
    { dirtyRing: { entries: 4, reserved: 1 }, mmu: { ...SMALL, adBits: false } },
  ],
])(`${RUNS} histories with %s log what a model of all writes says`, (_, options) => {
  fc.assert(
    fc.property(steps, (history) => {
      const run = new History(options);
      for (const step of history) run.do(step);
      run.end();
    }),
    { numRuns: RUNS },
  );
});
