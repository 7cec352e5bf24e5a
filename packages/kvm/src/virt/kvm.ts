/** The VM and its vCPUs: the roots of all state, and what a VM is configured to be. */
import {
  array,
  type Cell,
  cell32,
  cell64,
  type Elements,
  embed,
  generationField,
  guardedBy,
  i32Field,
  kernelName,
  type Mutex,
  mutex,
  ptr,
  ptrCell,
  type Rcu,
  type RwLock,
  rcu,
  rwlock,
  type SpinLock,
  type Srcu,
  type StructType,
  spinlock,
  srcu,
  struct,
  u8Field,
  u16Field,
  u32Field,
  u53As,
  u53Field,
  u64Field,
  type View,
  type ViewType,
} from '@faultline/machine';
import { HostMemory } from '../host/memory.ts';
import { MmStruct } from '../host/mm.ts';
import { Cpu } from '../hw/cpu.ts';
import { Pml } from '../hw/pml-buffer.ts';
import { Tlb } from '../hw/tlb.ts';
import type { Gfn, Hva } from '../types.ts';
import { KvmArch } from '../x86/apicv-state.ts';
import { Lapic } from '../x86/lapic-state.ts';
import { MmuPage } from '../x86/mmu-page.ts';
import { GuestMmu, ShadowMmu } from '../x86/shadow/shadow-mmu.ts';
import { KvmXen, VcpuXen } from '../x86/xen-state.ts';
import { CoalescedRing, CoalescedZone } from './coalesced-mmio-state.ts';
import { DirtyRing } from './dirty-ring-state.ts';
import { IoBus, Ioeventfd } from './io-bus-state.ts';
import { KvmIrq } from './irq-state.ts';
import { KvmConfig } from './kvm-config.ts';
import { Memslot, Memslots } from './memslots.ts';
import { PfnCaches } from './pfncache-state.ts';

/** @kernel struct kvm_run include/uapi/linux/kvm.h, at its offsets */
export const KvmRun = struct(
  'kvm_run',
  {
    requestInterruptWindow: u8Field,
    immediateExit: u8Field,
    padding1: array(u8Field, 6),
    exitReason: u32Field,
    readyForInterruptInjection: u8Field,
    ifFlag: u8Field,
    flags: u16Field,
    cr8: u64Field,
    apicBase: u64Field,
    /** The union at offset 32: see exit.ts for its members. */
    union: array(u8Field, 256),
  },
  { as: 'run' },
);
export type KvmRun = ViewType<typeof KvmRun>;

/** @kernel struct kvm_vcpu include/linux/kvm_host.h */
export interface Vcpu extends View {
  /** Held by every vCPU ioctl. */
  readonly mutex: Mutex;
  kvm: Kvm | null;
  vcpuId: number;
  /** In system management mode: looks slots up in address space 1. */
  smm: number;
  /** Last slot this vCPU found, good for one generation. */
  lastUsedSlot: Memslot | null;
  lastUsedSlotGen: number;
  mmioGva: number;
  mmioGfn: Gfn;
  mmioAccess: number;
  mmioGen: number;
  readonly run: KvmRun;
  /** What the hardware remembers of the page tables. */
  readonly tlb: Tlb;
  /** Pages whose Dirty bit its hardware has set, and KVM has not heard of. */
  readonly pml: Pml;
  /** Null unless the VM logs by rings. */
  dirtyRing: DirtyRing | null;
  /** TDP MMU: where this vCPU's walks start; null until one is loaded. Its own thread alone touches it. */
  root: MmuPage | null;
  /** Shadow MMU: how the guest's own tables are walked. Null with any other. */
  guestMmu: GuestMmu | null;
  /** In the guest or not, and what others ask of it: see vcpu-entry.ts, kick.ts. */
  readonly mode: Cell<number>;
  readonly requests: Cell<bigint>;
  /** 1 while it sleeps because its guest has nothing to do. */
  readonly blocking: Cell<number>;
  /** Interrupts for the guest, a bit each: those that its local APIC holds, and those that it has been given. */
  readonly events: Cell<number>;
  injected: number;
  readonly cpu: Cpu;
  /** Null unless the VM's hardware virtualizes local APICs. */
  apic: Lapic | null;
  /** Index of the section of kvm->srcu that its run loop is in: see vcpu-srcu.ts. */
  srcuIdx: number;
  /** Null unless the VM is for a Xen guest. */
  xen: VcpuXen | null;
  /** Stage of a pending user-space completion: see vcpu-run.ts. */
  pendingIo: number;
  pendingGpa: number;
  pendingValue: bigint;
  pendingBytes: number;
  pendingDone: number;
  /** The guest: its next instruction, its program, its one register. */
  rip: number;
  program: View | null;
  rax: bigint;
}

export const Vcpu: StructType<Vcpu> = struct(
  'kvm_vcpu',
  {
    mutex,
    kvm: ptr((): StructType<Kvm> => Kvm),
    vcpuId: u32Field,
    smm: u32Field,
    lastUsedSlot: ptr((): StructType<Memslot> => Memslot),
    lastUsedSlotGen: generationField,
    mmioGva: u53Field,
    mmioGfn: u53As<Gfn>(),
    mmioAccess: u32Field,
    mmioGen: generationField,
    run: embed(KvmRun),
    tlb: embed(Tlb),
    pml: embed(Pml),
    dirtyRing: ptr((): StructType<DirtyRing> => DirtyRing),
    root: kernelName(
      'mmu->root',
      ptr((): StructType<MmuPage> => MmuPage),
    ),
    guestMmu: kernelName(
      'arch.mmu',
      ptr((): StructType<GuestMmu> => GuestMmu),
    ),
    mode: cell32,
    requests: cell64,
    blocking: cell32,
    events: cell32,
    injected: u32Field,
    cpu: embed(Cpu),
    apic: ptr((): StructType<Lapic> => Lapic),
    srcuIdx: u32Field,
    xen: ptr((): StructType<VcpuXen> => VcpuXen),
    pendingIo: u32Field,
    pendingGpa: u53Field,
    pendingValue: u64Field,
    pendingBytes: u32Field,
    pendingDone: u32Field,
    rip: u32Field,
    program: ptr((): StructType<View> => GuestProgram),
    rax: u64Field,
  },
  { as: 'vcpu' },
);

/** What the guest runs: instructions as vcpu-run.ts encodes them. */
export const GuestProgram = struct(
  'guest_program',
  { length: u32Field, words: array(cell64) },
  { as: 'guest' },
);
export type GuestProgram = ViewType<typeof GuestProgram>;

/** At most this many vCPUs a VM. */
export const KVM_MAX_VCPUS = 8;
/** vCPU ids are below this. @kernel KVM_MAX_VCPU_IDS arch/x86/include/asm/kvm_host.h */
export const KVM_MAX_VCPU_IDS = 4096;

/** @kernel struct kvm include/linux/kvm_host.h */
export interface Kvm extends View {
  readonly lock: Mutex;
  readonly slotsLock: Mutex;
  readonly slotsArchLock: Mutex;
  readonly mmuLock: RwLock;
  readonly mnInvalidateLock: SpinLock;
  readonly srcu: Srcu;
  readonly memslots: Elements<Cell<Memslots | null>>;
  /** Tree: the two sets of each address space. */
  readonly sets: Elements<Memslots | null>;
  readonly mnActiveInvalidateCount: Cell<number>;
  /** Invalidations between start and end that concern a slot. */
  mmuInvalidateInProgress: number;
  /** What they concern, all together. */
  mmuInvalidateRangeStart: Hva;
  mmuInvalidateRangeEnd: Hva;
  nrMemslotPages: number;
  readonly buses: Elements<Cell<IoBus | null>>;
  ioeventfds: Ioeventfd | null;
  coalescedZones: CoalescedZone | null;
  readonly ringLock: SpinLock;
  coalescedMmioRing: CoalescedRing | null;
  /** The mm that created the VM; ioctls of another are refused. */
  mm: number;
  readonly vmDead: Cell<number>;
  readonly onlineVcpus: Cell<number>;
  createdVcpus: number;
  maxVcpus: number;
  /** vCPU ids are below this; 0 while nobody has decided. */
  maxVcpuIds: number;
  /** Entries of each vCPU's dirty ring; 0: slots have bitmaps. Set before the first vCPU, under kvm->lock. */
  dirtyRingSize: number;
  readonly vcpus: Elements<Cell<Vcpu | null>>;
  /** The table of each address space; with the TDP MMU its newest root, the only one that may be valid. */
  readonly roots: Elements<MmuPage | null>;
  /** TDP MMU: the roots of each address space, newest first. Changed under tdp_mmu_pages_lock, walked inside RCU or under mmu_lock held for write. */
  readonly tdpMmuRoots: Elements<Cell<MmuPage | null>>;
  readonly tdpMmuPagesLock: SpinLock;
  /** Frozen entries that were released: what a fault that met one waits for. */
  readonly frozenReleased: Cell<number>;
  /** Pages that are freed after the next grace period of `rcu`. */
  rcuCallbacks: MmuPage | null;
  readonly rcuCallbacksLock: SpinLock;
  memory: HostMemory | null;
  /** Address space of the VMM process, where it is modelled. */
  mmStruct: MmStruct | null;
  /** Invalidations that have ended. Written under mmu_lock, read by faults without it. */
  readonly mmuInvalidateSeq: Cell<number>;
  /** Grace periods of RCU: page-table pages are freed after one. */
  readonly rcu: Rcu;
  /** Null unless the VM has the shadow MMU. */
  shadowMmu: ShadowMmu | null;
  /** mmu_lock where it is a spinlock: see mmu-lock.ts. */
  readonly mmuSpinlock: SpinLock;
  /** Null unless the hardware virtualizes local APICs. */
  arch: KvmArch | null;
  /** 1 once slots have rmaps. Written under slots_arch_lock. */
  readonly shadowRootAllocated: Cell<number>;
  /** Null unless the VM is for a Xen guest; and the caches that its notifiers look through, null without any. */
  xen: KvmXen | null;
  pfnCaches: PfnCaches | null;
  /** Null unless the VM routes interrupts. */
  irq: KvmIrq | null;
  readonly config: KvmConfig;
}

export const Kvm: StructType<Kvm> = struct('kvm', {
  lock: mutex,
  slotsLock: mutex,
  slotsArchLock: mutex,
  mmuLock: rwlock,
  mnInvalidateLock: spinlock,
  srcu,
  memslots: guardedBy(
    array(
      ptrCell((): StructType<Memslots> => Memslots),
      2,
    ),
    'kvm->srcu',
    'kvm->slots_lock',
  ),
  sets: guardedBy(
    array(
      ptr((): StructType<Memslots> => Memslots),
      4,
    ),
    'kvm->slots_lock',
  ),
  mnActiveInvalidateCount: cell32,
  mmuInvalidateInProgress: guardedBy(i32Field, 'kvm->mmu_lock'),
  mmuInvalidateRangeStart: guardedBy(u53As<Hva>(), 'kvm->mmu_lock'),
  mmuInvalidateRangeEnd: guardedBy(u53As<Hva>(), 'kvm->mmu_lock'),
  nrMemslotPages: guardedBy(u53As<number>(), 'kvm->slots_lock'),
  buses: guardedBy(
    array(
      ptrCell((): StructType<IoBus> => IoBus),
      4,
    ),
    'kvm->srcu',
    'kvm->slots_lock',
  ),
  ioeventfds: guardedBy(
    ptr((): StructType<Ioeventfd> => Ioeventfd),
    'kvm->slots_lock',
  ),
  coalescedZones: guardedBy(
    ptr((): StructType<CoalescedZone> => CoalescedZone),
    'kvm->slots_lock',
  ),
  ringLock: spinlock,
  coalescedMmioRing: ptr((): StructType<CoalescedRing> => CoalescedRing),
  mm: kernelName('creator_mm', u32Field),
  vmDead: cell32,
  onlineVcpus: cell32,
  createdVcpus: guardedBy(u32Field, 'kvm->lock'),
  maxVcpus: u32Field,
  maxVcpuIds: kernelName('arch.max_vcpu_ids', guardedBy(u32Field, 'kvm->lock')),
  dirtyRingSize: u32Field,
  vcpus: array(
    ptrCell((): StructType<Vcpu> => Vcpu),
    KVM_MAX_VCPUS,
  ),
  roots: array(
    ptr((): StructType<MmuPage> => MmuPage),
    2,
  ),
  tdpMmuRoots: array(
    ptrCell((): StructType<MmuPage> => MmuPage),
    2,
  ),
  tdpMmuPagesLock: spinlock,
  frozenReleased: cell32,
  rcuCallbacks: guardedBy(
    ptr((): StructType<MmuPage> => MmuPage),
    'kvm->rcu_callbacks_lock',
  ),
  rcuCallbacksLock: spinlock,
  memory: ptr((): StructType<HostMemory> => HostMemory),
  mmStruct: kernelName(
    'mm',
    ptr((): StructType<MmStruct> => MmStruct),
  ),
  mmuInvalidateSeq: cell32,
  rcu,
  shadowMmu: kernelName(
    'arch.shadow_mmu',
    ptr((): StructType<ShadowMmu> => ShadowMmu),
  ),
  mmuSpinlock: kernelName('mmu_lock', spinlock),
  arch: ptr((): StructType<KvmArch> => KvmArch),
  shadowRootAllocated: kernelName('arch.shadow_root_allocated', cell32),
  xen: ptr((): StructType<KvmXen> => KvmXen),
  pfnCaches: ptr((): StructType<PfnCaches> => PfnCaches),
  irq: ptr((): StructType<KvmIrq> => KvmIrq),
  config: embed(KvmConfig),
});
