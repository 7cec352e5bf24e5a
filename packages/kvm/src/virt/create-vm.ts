/** KVM_CREATE_VM: a VM with no slots, no devices and no vCPUs. */
import { bugOn, type SrcuLevel, type Task } from '@faultline/machine';
import { allocHostMemory } from '../host/memory.ts';
import { createMm } from '../host/mm.ts';
import { PML_MAX } from '../hw/pml-buffer.ts';
import type { Gfn } from '../types.ts';
import { type ApicvOptions, allocArch, apicvConfig } from '../x86/apicv-config.ts';
import { allocMmuPage } from '../x86/mmu-page.ts';
import { allocShadowMmu, type ShadowOptions } from '../x86/shadow/shadow-mmu.ts';
import { MAX_SHADOW_INDEX_BITS } from '../x86/shadow/shadow-page.ts';
import { initXen } from '../x86/xen-init.ts';
import { coalescedMmioInit } from './coalesced-mmio.ts';
import { KVM_DIRTY_RING_MAX_ENTRIES, KVM_DIRTY_RING_RSVD_ENTRIES } from './dirty-ring-state.ts';
import { initBuses } from './io-bus-register.ts';
import { KvmIrq } from './irq-state.ts';
import { KVM_MAX_VCPUS, Kvm } from './kvm.ts';
import { Generations, MmioLayout } from './kvm-config.ts';
import { PRIVATE_MEM_SLOTS } from './memory-region.ts';
import { allocMemslots } from './memslots.ts';

/** What a VM is. Everything has a default: a small modern VM. */
export interface VmOptions {
  /** '2014': flat slots, low-bit generations, 20-bit MMIO SPTEs. 'before 2014': the code before ee3d1570b586. */
  readonly form?: 'modern' | '2014' | 'before 2014';
  readonly npt?: boolean;
  readonly addressSpaces?: 1 | 2;
  /** Slot ids of user space; 32764 on real x86. */
  readonly userMemSlots?: number;
  /** vCPUs cache their last MMIO decision beside the page table. */
  readonly vcpuMmioCache?: boolean;
  readonly allocMayFail?: boolean;
  readonly dirtyLogInitiallySet?: boolean;
  /** KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2. */
  readonly dirtyLogManualProtect?: boolean;
  /** Dirty rings instead of bitmaps: entries (a power of two), and how many of them stay free, 64 when left out. */
  readonly dirtyRing?: { readonly entries: number; readonly reserved?: number };
  /** Frames of guest-physical memory that the page table covers. */
  readonly tableEntries?: number;
  /** Entries of the coalesced-MMIO ring; 170 fill its page. */
  readonly coalescedMmioMax?: number;
  /** First frame number that the host's page tables cannot hold; left out, what the tables of the model hold. */
  readonly maxGfn?: number;
  /** Frames of the VMM process. */
  readonly hostFrames?: number;
  /** Generation that the slots start from; 0 unless a wrap is to be near. */
  readonly startGeneration?: number;
  /** The TDP MMU with TLBs and the host's memory manager: pages of the VMM, frames of the host, shape of the tables. */
  readonly mmu?: {
    readonly pages: number;
    readonly frames: number;
    readonly levels?: number;
    readonly indexBits?: number;
    readonly adBits?: boolean;
    /** Entries of the page-modification log, at most 4; needs A/D bits and abstract levels. None when left out. */
    readonly pml?: number;
    /** The host shares pages as before 3.7: see host/pte-change.ts. */
    readonly changePteAlone?: boolean;
    /** Who is left on a merged frame keeps it, as from 5.1 to 5.7: see host/ksm.ts. */
    readonly keepsMerged?: boolean;
    readonly yields?: boolean;
    readonly structureCache?: boolean;
    /** Huge pages of 2^indexBits pages; needs tables of two levels. The host's memory starts with every range huge. */
    readonly hugePages?: boolean;
    /** Huge pages are split when logging starts; left out, when they are written. */
    readonly eagerPageSplit?: boolean;
    /** Tables of the guest, mirrored: `levels` and `indexBits` are those of the guest as well. Needs two levels, and A/D bits. */
    readonly shadow?: ShadowOptions;
    /** Levels: see x86/flush.ts and virt/vcpu-entry.ts. */
    readonly remoteFlush?: 'abstract' | 'real';
    readonly vcpuEntry?: 'abstract' | 'real';
  };
  /** Hardware that virtualizes local APICs; needs vCPUs that enter and leave their guests. None when left out. */
  readonly apicv?: ApicvOptions;
  /** For a Xen guest; needs `mmu`. `lock`: kvm->lock does what xen_lock does since 310bc39546. */
  readonly xen?: { readonly longMode?: boolean; readonly lock?: 'xen_lock' | 'kvm->lock' };
  /** Interrupt lines, and eventfds that raise them. */
  readonly irqRouting?: boolean;
  readonly maxVcpus?: number;
  /** Implementation of kvm->srcu, and the CPUs that it counts. */
  readonly srcu?: SrcuLevel;
  readonly cpus?: number;
  /** Implementation of RCU. */
  readonly rcu?: SrcuLevel;
  /** The mm of the creating process. */
  readonly mm?: number;
}

const FORMS = {
  modern: { flat: 0, generations: Generations.BIT_63, mmioLayout: MmioLayout.MODERN },
  '2014': { flat: 1, generations: Generations.LOW_BIT, mmioLayout: MmioLayout.Y2014 },
  'before 2014': { flat: 1, generations: Generations.LOW_BIT, mmioLayout: MmioLayout.BEFORE_2014 },
} as const;

/** Nobody else can see the VM before this returns. @kernel kvm_create_vm virt/kvm/kvm_main.c */
export function* createVm(options: VmOptions = {}): Task<Kvm> {
  const kvm = Kvm.alloc();
  configure(kvm, options);
  const shadow = options.mmu?.shadow;
  kvm.mm = options.mm ?? 1;
  kvm.maxVcpus = options.maxVcpus ?? KVM_MAX_VCPUS;
  kvm.dirtyRingSize = dirtyRingEntries(options, kvm.config.dirtyRingReserved);
  kvm.srcu.init(options.srcu ?? 'abstract', options.cpus ?? 2);
  // With the shadow MMU a frame has as many words as a table has entries.
  const words = shadow === undefined ? 0 : (options.mmu?.frames ?? 0) * 2 ** kvm.config.tdpIndexBits;
  kvm.memory = allocHostMemory(options.hostFrames ?? Math.max(16, words));
  if (shadow !== undefined) kvm.shadowMmu = allocShadowMmu(options.mmu?.pages ?? 0, shadow);
  for (let asId = 0; asId < kvm.config.addressSpaces && options.mmu === undefined; asId++) {
    kvm.roots.set(asId, allocMmuPage(kvm.config.tableEntries));
  }
  if (options.mmu !== undefined) {
    const rangePages = kvm.config.hugePages === 1 ? 2 ** kvm.config.tdpIndexBits : 0;
    kvm.mmStruct = createMm(options.mmu.pages, options.mmu.frames, rangePages);
  }
  if (options.xen !== undefined)
    initXen(kvm, options.xen.longMode !== false, options.xen.lock === 'kvm->lock');
  if (options.irqRouting === true) {
    kvm.irq = KvmIrq.alloc();
    kvm.irq.irqSrcu.init(options.srcu ?? 'abstract', options.cpus ?? 2);
  }
  kvm.rcu.init(options.rcu ?? 'abstract');
  if (options.apicv !== undefined) kvm.arch = allocArch();
  createMemslots(kvm, options.startGeneration ?? 0);
  coalescedMmioInit(kvm, options.coalescedMmioMax ?? 3);
  bugOn((yield* initBuses(kvm)) !== 0, 'no memory for the I/O buses of a new VM');
  return kvm;
}

function configure(kvm: Kvm, options: VmOptions): void {
  const { config } = kvm;
  const form = FORMS[options.form ?? 'modern'];
  config.flatMemslots = form.flat;
  config.generations = form.generations;
  config.mmioLayout = form.mmioLayout;
  // Shadow paging has the format of ordinary x86 tables, as NPT does.
  config.npt = options.npt || options.mmu?.shadow !== undefined ? 1 : 0;
  config.mmuSpinlock = shadowConfig(options.mmu);
  config.addressSpaces = options.addressSpaces ?? 1;
  config.userMemSlots = options.userMemSlots ?? 4;
  config.vcpuMmioCache = options.vcpuMmioCache === false ? 0 : 1;
  config.allocMayFail = options.allocMayFail ? 1 : 0;
  config.dirtyLogInitiallySet = options.dirtyLogInitiallySet ? 1 : 0;
  config.dirtyLogManualProtect = options.dirtyLogManualProtect ? 1 : 0;
  config.pmlEntries = pmlEntries(options.mmu);
  config.dirtyRingReserved = options.dirtyRing?.reserved ?? KVM_DIRTY_RING_RSVD_ENTRIES;
  config.tableEntries = options.tableEntries ?? 4;
  config.tdpMmu = options.mmu === undefined ? 0 : 1;
  config.tdpLevels = options.mmu?.levels ?? 1;
  config.tdpIndexBits = options.mmu?.indexBits ?? 1;
  config.mmuYields = options.mmu?.yields ? 1 : 0;
  config.structureCache = options.mmu?.structureCache ? 1 : 0;
  config.hugePages = hugePages(options.mmu);
  config.eagerPageSplit = options.mmu?.eagerPageSplit ? 1 : 0;
  config.adBits = options.mmu?.adBits === false ? 0 : 1;
  config.changePteAlone = options.mmu?.changePteAlone === true ? 1 : 0;
  config.keepsMerged = options.mmu?.keepsMerged === true ? 1 : 0;
  config.remoteFlush = options.mmu?.remoteFlush === 'real' ? 1 : 0;
  config.vcpuEntry = options.mmu?.vcpuEntry === 'real' ? 1 : 0;
  const frames = 2 ** (config.tdpLevels * config.tdpIndexBits);
  // With the shadow MMU the tables hold virtual addresses, and each frame of memory has a reverse map.
  const tables = options.mmu?.shadow === undefined ? frames : options.mmu.pages;
  config.maxGfn = (options.maxGfn ?? (options.mmu === undefined ? config.tableEntries : tables)) as Gfn;
  if (options.apicv !== undefined) apicvConfig(config, options.apicv);
}

/** Throws a RangeError for hardware that the model does not have. */
function pmlEntries(mmu: VmOptions['mmu']): number {
  const entries = mmu?.pml ?? 0;
  if (entries === 0) return 0;
  if (entries > PML_MAX)
    throw new RangeError(`a page-modification log of the model has at most ${PML_MAX} entries`);
  if (mmu?.adBits === false || mmu?.vcpuEntry === 'real' || mmu?.remoteFlush === 'real') {
    throw new RangeError('a page-modification log needs A/D bits, and vCPUs that are always in their guest');
  }
  return entries;
}

/** Whether mmu_lock is a spinlock. Throws a RangeError for a shadow MMU that cannot be. */
function shadowConfig(mmu: VmOptions['mmu']): number {
  if (mmu?.shadow === undefined) return 0;
  const { levels = 1, indexBits = 1 } = mmu;
  if (levels < 2 || indexBits > MAX_SHADOW_INDEX_BITS) {
    throw new RangeError(
      `the shadow MMU needs tables of two levels or more, of at most ${2 ** MAX_SHADOW_INDEX_BITS} entries`,
    );
  }
  if (mmu.adBits === false || mmu.pml !== undefined || mmu.hugePages === true) {
    throw new RangeError(
      'the shadow MMU needs A/D bits, and has neither a page-modification log nor huge pages of the host',
    );
  }
  if ((mmu.shadow.maxPages ?? 1 << 30) < levels + 1) {
    throw new RangeError(
      `a quota of shadow pages leaves room for a root and one fault: ${levels + 1} at least`,
    );
  }
  return mmu.shadow.spinlock ? 1 : 0;
}

/** Throws a RangeError where nothing could be huge. */
function hugePages(mmu: VmOptions['mmu']): number {
  if (mmu?.hugePages !== true) return 0;
  if ((mmu.levels ?? 1) < 2)
    throw new RangeError('huge pages are entries of level 2: give the tables two levels');
  return 1;
}

/** Throws a RangeError for a ring that cannot work. */
function dirtyRingEntries({ dirtyRing, mmu }: VmOptions, reserved: number): number {
  if (dirtyRing === undefined) return 0;
  const { entries } = dirtyRing;
  if (!Number.isInteger(Math.log2(entries)) || entries > KVM_DIRTY_RING_MAX_ENTRIES || reserved >= entries) {
    throw new RangeError(
      `a dirty ring has a power of two of entries, at most ${KVM_DIRTY_RING_MAX_ENTRIES}, and more than the ${reserved} that stay free`,
    );
  }
  if (mmu?.pml !== undefined)
    throw new RangeError('a dirty ring of the model goes without a page-modification log');
  return entries;
}

/** Address spaces start from different generations, and step by their number. */
export function createMemslots(kvm: Kvm, start: number): void {
  const { addressSpaces, flatMemslots, userMemSlots } = kvm.config;
  for (let asId = 0; asId < addressSpaces; asId++) {
    const capacity = flatMemslots === 1 ? userMemSlots + PRIVATE_MEM_SLOTS : 0;
    const active = allocMemslots(capacity);
    active.generation.poke(start + asId);
    kvm.memslots.at(asId).poke(active);
    kvm.sets.set(asId * 2, active);
    if (flatMemslots === 1) continue;
    const inactive = allocMemslots(0);
    inactive.nodeIdx = 1;
    inactive.generation.poke(start + asId);
    kvm.sets.set(asId * 2 + 1, inactive);
  }
}
