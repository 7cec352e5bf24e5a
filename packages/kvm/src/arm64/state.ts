/**
 * A VM of arm64 with what surrounds it: the host's frames, the address space of its user space, and the two counts of that. It is
 * allocated only for scenarios of this machine; x86's VMs have none of it.
 */
import {
  array,
  type Cell,
  cell32,
  cell64,
  type Elements,
  embed,
  guardedBy,
  i16Field,
  kernelName,
  type Mutex,
  mutex,
  ptr,
  ptrCell,
  type RwLock,
  rwSemaphore,
  type SpinLock,
  type Srcu,
  type StructType,
  spinlock,
  srcu,
  struct,
  u32Field,
  u64Field,
  type View,
} from '@faultline/machine';
import { Stage2Table } from './stage2-table.ts';

export const MAX_FRAMES = 20;
export const MAX_PAGES = 16;
export const MAX_SLOTS = 2;
export const MAX_VCPUS = 2;

/** @kernel struct page include/linux/mm_types.h */
export interface Frame extends View {
  readonly refcount: Cell<number>;
  readonly content: Cell<bigint>;
}
export const Frame: StructType<Frame> = struct(
  'host_frame',
  { refcount: cell32, content: cell64 },
  { as: 'page' },
);

/** Frames of the host, of which all address spaces take. */
export interface HostFrames extends View {
  /** Held while memory is found for an allocation that may sleep. */
  readonly allocating: Mutex;
  readonly frame: Elements<Frame>;
}
export const HostFrames: StructType<HostFrames> = struct(
  'host_frames',
  { allocating: mutex, frame: array(embed(Frame), MAX_FRAMES) },
  { as: 'host' },
);

/** @kernel struct mm_struct include/linux/mm_types.h */
export interface UserMm extends View {
  /** Tasks that run in the address space. The last one to leave takes its mappings down: exit_mmap(). */
  readonly mmUsers: Cell<number>;
  /** Who keeps the structure, mapped or not: all of mm_users together count as one. */
  readonly mmCount: Cell<number>;
  readonly mmapSem: RwLock;
  readonly pageTableLock: SpinLock;
  /** One a page: frame number plus one, 0 for nothing. */
  readonly ptes: Elements<number>;
  frames: HostFrames | null;
  /** 1: the host maps pairs of pages, or as many as a block covers, by one entry each. */
  hugePages: number;
  readonly notifierLock: SpinLock;
  /** The one notifier that may be registered. @kernel struct mmu_notifier_mm include/linux/mmu_notifier.h */
  readonly notifier: Cell<ArmKvm | null>;
  /** One for the whole host in the kernel. @kernel srcu mm/mmu_notifier.c */
  readonly notifierSrcu: Srcu;
}
export const UserMm: StructType<UserMm> = struct(
  'user_mm',
  {
    mmUsers: cell32,
    mmCount: cell32,
    mmapSem: rwSemaphore,
    pageTableLock: spinlock,
    ptes: array(guardedBy(u32Field, 'mm->page_table_lock'), MAX_PAGES),
    frames: ptr((): StructType<HostFrames> => HostFrames),
    hugePages: u32Field,
    notifierLock: spinlock,
    notifier: ptrCell((): StructType<ArmKvm> => ArmKvm),
    notifierSrcu: srcu,
  },
  { as: 'mm' },
);

/** @kernel struct kvm_memory_slot include/linux/kvm_host.h */
export interface ArmSlot extends View {
  id: number;
  baseGfn: number;
  npages: number;
  /** Its first page in user space. */
  page: number;
  /** 1: KVM_MEM_LOG_DIRTY_PAGES */
  logging: number;
}
const ArmSlot: StructType<ArmSlot> = struct(
  'arm_memslot',
  { id: i16Field, baseGfn: u32Field, npages: u32Field, page: u32Field, logging: u32Field },
  { as: 'slot' },
);

/** @kernel struct kvm_memslots include/linux/kvm_host.h */
export interface ArmSlots extends View {
  count: number;
  readonly slot: Elements<ArmSlot>;
}
export const ArmSlots: StructType<ArmSlots> = struct(
  'arm_memslots',
  { count: u32Field, slot: array(embed(ArmSlot), MAX_SLOTS) },
  { as: 'slots' },
);

/** What a CPU remembers of the stage-2 tables, by frame. An access holds `lock` from the walk to the memory, and so waits a flush. */
export interface ArmTlb extends View {
  readonly lock: SpinLock;
  /** Copies of ptes, by frame, and of pmd blocks, by range. */
  readonly pages: Elements<bigint>;
  readonly blocks: Elements<bigint>;
}
const ArmTlb: StructType<ArmTlb> = struct(
  'arm_tlb',
  {
    lock: spinlock,
    pages: array(guardedBy(u64Field, 'vcpu->tlb'), MAX_PAGES),
    blocks: array(guardedBy(u64Field, 'vcpu->tlb'), MAX_PAGES),
  },
  { as: 'tlb' },
);

/** @kernel struct kvm_vcpu include/linux/kvm_host.h */
export interface ArmVcpu extends View {
  kvm: ArmKvm | null;
  readonly mutex: Mutex;
  readonly tlb: ArmTlb;
}
export const ArmVcpu: StructType<ArmVcpu> = struct(
  'arm_vcpu',
  { kvm: ptr((): StructType<ArmKvm> => ArmKvm), mutex: mutex, tlb: embed(ArmTlb) },
  { as: 'vcpu' },
);

/** @kernel struct kvm include/linux/kvm_host.h */
export interface ArmKvm extends View {
  /** Kept by mm_count, not by mm_users: the structure stays, its mappings may go. */
  mm: UserMm | null;
  readonly usersCount: Cell<number>;
  readonly mmuLock: SpinLock;
  /** NULL once the tables are freed. @kernel kvm->arch.pgd arch/arm64/include/asm/kvm_host.h */
  readonly pgd: Cell<Stage2Table | null>;
  readonly mmuNotifierSeq: Cell<number>;
  mmuNotifierCount: number;
  /** Invalidations that have begun: slots change when there are none. @kernel mn_active_invalidate_count include/linux/kvm_host.h */
  readonly mnActiveInvalidateCount: Cell<number>;
  readonly srcu: Srcu;
  readonly slotsLock: Mutex;
  readonly lock: Mutex;
  readonly slots: Cell<ArmSlots | null>;
  /** A bit a page of each slot. */
  readonly dirty: Elements<Cell<number>>;
  /** 1: the GIC's frame has been mapped. */
  vgicReady: number;
  readonly vcpus: Elements<ArmVcpu | null>;
  /** vCPUs that are complete, by KVM_CREATE_VCPU. */
  readonly onlineVcpus: Cell<number>;
  /** 1: what it would be if KVM were a user of the address space. */
  holdsUsers: number;
  vcpuCount: number;
  /** Levels of the tables, 2 to 4, and bits of a frame number that each resolves. */
  levels: number;
  indexBits: number;
  /** 1: long walks may drop mmu_lock on the way. */
  mayYield: number;
  /** 1: the hardware sets the access flag itself. */
  hardwareAf: number;
}

export const ArmKvm: StructType<ArmKvm> = struct(
  'arm_kvm',
  {
    mm: ptr((): StructType<UserMm> => UserMm),
    usersCount: cell32,
    mmuLock: spinlock,
    pgd: kernelName(
      'arch.pgd',
      ptrCell((): StructType<Stage2Table> => Stage2Table),
    ),
    mmuNotifierSeq: cell32,
    mmuNotifierCount: guardedBy(u32Field, 'kvm->mmu_lock'),
    mnActiveInvalidateCount: cell32,
    srcu: srcu,
    slotsLock: mutex,
    lock: mutex,
    slots: ptrCell((): StructType<ArmSlots> => ArmSlots),
    dirty: array(cell32, MAX_SLOTS),
    vgicReady: guardedBy(u32Field, 'kvm->lock'),
    vcpus: array(
      ptr((): StructType<ArmVcpu> => ArmVcpu),
      MAX_VCPUS,
    ),
    onlineVcpus: cell32,
    holdsUsers: u32Field,
    vcpuCount: u32Field,
    levels: u32Field,
    indexBits: u32Field,
    mayYield: u32Field,
    hardwareAf: u32Field,
  },
  { as: 'kvm' },
);
