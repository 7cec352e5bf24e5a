/**
 * A VM with the shadow MMU, and a guest whose tables lie in its own memory, where it can write them:
 *
 *   frame 3, the top table:   entry 0 leads to frame 2, entry 1 to frame 4
 *   frame 2:                  virtual pages 0 and 1 are frames 0 and 1, which hold A and B
 *   frame 4:                  virtual pages 2 and 3 are frames 2 and 3, the tables
 *   frame 5:                  another top table, that says the same
 */
import {
  createVcpu,
  createVm,
  gfn,
  gpa,
  type Kvm,
  PAGE_SIZE,
  type Pfn,
  setUserMemoryRegion,
  type Vcpu,
  type VmOptions,
} from '@faultline/kvm';
import {
  frameWord,
  guestMmuOf,
  type MmStruct,
  makeGpte,
  mmuLoad,
  PT_ACCESSED,
  PT_DIRTY,
  shadowOf,
} from '@faultline/kvm/seams';
import { type Cell, cell32, type StructType, struct, type Task, type View } from '@faultline/machine';
import type { MmuVm } from './mmu-vm.ts';
import { region } from './small-vm.ts';

/** What frames 0 and 1 hold at first. */
export const A = 0xaan;
export const B = 0xbbn;

/** Virtual addresses: of the frames that hold A and B, of the entry for the first of them, and of the top table's. */
export const PAGE_A = gpa(0);
export const PAGE_B = gpa(PAGE_SIZE);
export const ENTRY_A = gpa(2 * PAGE_SIZE);
export const ENTRY_B = gpa(2 * PAGE_SIZE + 8);
export const TOP_ENTRY_0 = gpa(3 * PAGE_SIZE);
/** The guest's top table. */
export const CR3 = gfn(3);
export const OTHER_CR3 = gfn(5);

/** An entry of the guest for this frame, accessed and dirty already, so that nobody has to note that. */
export function entryFor(frame: number): bigint {
  return makeGpte(frame) | PT_ACCESSED | PT_DIRTY;
}

interface Said extends View {
  /** What one thread lets another know. */
  readonly done: Cell<number>;
}

const Said: StructType<Said> = struct('guest_progress', { done: cell32 }, { as: 'guest' });

export interface ShadowVm extends MmuVm {
  readonly vcpus: readonly Vcpu[];
  readonly said: Said;
}

export interface ShadowVmOptions {
  readonly vcpus?: number;
  readonly frames?: number;
  readonly flags?: number;
  /** The guest runs without tables, and each page of virtual memory is the frame of its number: all vCPUs, or those up to this number. */
  readonly flat?: boolean | number;
  readonly deeper?: boolean;
  readonly mmu?: Partial<NonNullable<VmOptions['mmu']>>;
}

const TABLES: readonly (readonly bigint[])[] = [
  [A, 0n],
  [B, 0n],
  [entryFor(0), entryFor(1)],
  [entryFor(2), entryFor(4)],
  [entryFor(2), entryFor(3)],
  [entryFor(2), entryFor(4)],
];

/** The same with a level between: frame 3 is a middle table, frames 5 and 6 are top tables above it. */
const DEEPER: readonly (readonly bigint[])[] = [...TABLES.slice(0, 5), [entryFor(3), 0n], [entryFor(3), 0n]];
export const DEEP_CR3 = [gfn(5), gfn(6)] as const;

/** Two levels of two entries; every vCPU has its root. */
export function* shadowVm(options: ShadowVmOptions = {}): Task<ShadowVm> {
  const tables = options.deeper ? DEEPER : TABLES;
  const pages = options.flat === true ? 2 : tables.length;
  const frames = options.frames ?? pages;
  const mmu = { pages, frames, levels: options.deeper ? 3 : 2, indexBits: 1, shadow: {}, ...options.mmu };
  const kvm = yield* createVm({ form: 'modern', mmu });
  yield* setUserMemoryRegion(kvm, region(0, pages, { flags: options.flags ?? 0 }));
  fill(kvm, tables.slice(0, pages));
  const vm = { kvm, mm: kvm.mmStruct as MmStruct, said: Said.alloc() };
  const first = yield* addVcpu(vm, options);
  const vcpus = [first];
  while (vcpus.length < (options.vcpus ?? 1)) vcpus.push(yield* addVcpu(vm, options));
  return { ...vm, vcpu: first, vcpus };
}

function* addVcpu({ kvm }: Pick<ShadowVm, 'kvm'>, options: ShadowVmOptions = {}): Task<Vcpu> {
  const id = kvm.onlineVcpus.peek();
  const vcpu = yield* createVcpu(kvm, id);
  if (typeof vcpu === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${vcpu}`);
  const flat = options.flat === true || (typeof options.flat === 'number' && id < options.flat);
  guestMmuOf(vcpu).paging = flat ? 0 : 1;
  guestMmuOf(vcpu).cr3 = options.deeper ? DEEP_CR3[0] : CR3;
  yield* mmuLoad(vcpu);
  return vcpu;
}

function fill(kvm: Kvm, memory: typeof TABLES): void {
  for (const [frame, words] of memory.entries()) {
    for (const [word, value] of words.entries()) frameWord(kvm, frame as Pfn, word).poke(value);
  }
}

/** Leaves each leaf as a harvest does: without W, for the fast path to give it back. TLBs are empty. */
export function protectShadowForLogging({ kvm, vcpus }: ShadowVm): void {
  for (let page = shadowOf(kvm).activeMmuPages; page !== null; page = page.link) {
    for (let i = 0; page.level === 1 && i < 2; i++) {
      const sptep = page.spt.at(i);
      if (sptep.peek() !== 0n) sptep.poke(sptep.peek() & ~(WRITABLE | DIRTY));
    }
  }
  for (const { tlb } of vcpus) for (let i = 0; i < 4; i++) tlb.entries.set(i, 0n);
}

const WRITABLE = 1n << 1n;
const DIRTY = 1n << 6n;
