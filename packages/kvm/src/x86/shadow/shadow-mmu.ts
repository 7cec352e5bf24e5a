/** What a VM with the shadow MMU has besides: its pages, and what is known of each guest frame. */
import {
  array,
  type Cell,
  cell32,
  type Elements,
  embed,
  guardedBy,
  kernelName,
  ptr,
  type SpinLock,
  type StructType,
  spinlock,
  struct,
  u32Field,
  u53As,
  type View,
} from '@faultline/machine';
import type { Gfn } from '../../types.ts';
import type { Kvm, Vcpu } from '../../virt/kvm.ts';
import { ShadowPage } from './shadow-page.ts';

/** The fast page fault on pages that mirror tables of the guest: not at all, as first thought of, or with the frame held. */
export const IndirectFast = { OFF: 0, NAIVE: 1, PINNED: 2 } as const;

/** How the shadow MMU of a VM is made. */
export interface ShadowOptions {
  /** mmu_lock is a spinlock, as before 5.12; else a rwlock that is taken for write. */
  readonly spinlock?: boolean;
  /** Synchronisation counts flushes that it leaves to others, as from 2010 to 2021. */
  readonly postponedFlushes?: boolean;
  /** rmap_write_protect() flushes whenever a writable entry might be in a TLB, as proposed in 2012. */
  readonly alwaysFlush?: boolean;
  readonly indirectFastPageFault?: 'off' | 'naive' | 'pinned';
  /** Shadow pages of the VM, at least one a level and one to spare; no limit when left out. @kernel n_max_mmu_pages */
  readonly maxPages?: number;
}

/** What the arch keeps for each frame of a slot. @kernel struct kvm_arch_memory_slot arch/x86/include/asm/kvm_host.h */
export interface FrameInfo extends View {
  /** Head of the list of entries that map the frame: see rmap.ts. */
  rmap: number;
  /** Shadow pages, of any level but the last, that mirror it. Looked at without a lock. */
  readonly writeTracked: Cell<number>;
}

const FrameInfo: StructType<FrameInfo> = struct(
  'kvm_arch_memory_slot',
  {
    rmap: guardedBy(u32Field, 'kvm->mmu_lock'),
    writeTracked: kernelName('gfn_write_track', cell32),
  },
  { as: 'slot->arch' },
);

/** @kernel struct kvm_arch arch/x86/include/asm/kvm_host.h */
export interface ShadowMmu extends View {
  /** Newest first. */
  activeMmuPages: ShadowPage | null;
  nUsedMmuPages: number;
  nMaxMmuPages: number;
  /** 0 or 1; pages of the other generation are being zapped. Written under mmu_lock. */
  readonly mmuValidGen: Cell<number>;
  /** Pages that mirror tables of the guest: while there are none, nobody need look at what the emulator writes. */
  readonly indirectShadowPages: Cell<number>;
  readonly mmuUnsyncPagesLock: SpinLock;
  /** Flushes that were left to whoever flushes next. */
  readonly tlbsDirty: Cell<number>;
  postponesFlushes: number;
  alwaysFlushes: number;
  indirectFast: number;
  frames: number;
  readonly frame: Elements<FrameInfo>;
}

export const ShadowMmu: StructType<ShadowMmu> = struct(
  'kvm_arch',
  {
    activeMmuPages: guardedBy(
      ptr((): StructType<ShadowPage> => ShadowPage),
      'kvm->mmu_lock',
    ),
    nUsedMmuPages: guardedBy(u32Field, 'kvm->mmu_lock'),
    nMaxMmuPages: u32Field,
    mmuValidGen: cell32,
    indirectShadowPages: cell32,
    mmuUnsyncPagesLock: spinlock,
    tlbsDirty: cell32,
    postponesFlushes: u32Field,
    alwaysFlushes: u32Field,
    indirectFast: u32Field,
    frames: u32Field,
    frame: array(embed(FrameInfo)),
  },
  { as: 'kvm->arch' },
);

/** A vCPU's view of its guest's tables. @kernel struct kvm_mmu arch/x86/include/asm/kvm_host.h */
export interface GuestMmu extends View {
  /** Where the hardware starts. Null until one is loaded. */
  root: ShadowPage | null;
  /** Frame of the guest's top table. */
  cr3: Gfn;
  /** 0: the guest runs without tables of its own, and a virtual address is a physical one. */
  paging: number;
  /** The guest runs in user mode. */
  user: number;
}

export const GuestMmu: StructType<GuestMmu> = struct(
  'kvm_mmu',
  {
    root: ptr((): StructType<ShadowPage> => ShadowPage),
    cr3: kernelName('root.pgd', u53As<Gfn>()),
    paging: u32Field,
    user: u32Field,
  },
  { as: 'mmu' },
);

/** The state of `frames` guest frames. */
export function allocShadowMmu(frames: number, options: ShadowOptions): ShadowMmu {
  const mmu = ShadowMmu.alloc(frames * FrameInfo.size);
  mmu.frames = frames;
  mmu.nMaxMmuPages = options.maxPages ?? 1 << 30;
  mmu.postponesFlushes = options.postponedFlushes ? 1 : 0;
  mmu.alwaysFlushes = options.alwaysFlush ? 1 : 0;
  mmu.indirectFast = { off: IndirectFast.OFF, naive: IndirectFast.NAIVE, pinned: IndirectFast.PINNED }[
    options.indirectFastPageFault ?? 'off'
  ];
  return mmu;
}

/** Of a VM that has one. */
export function shadowOf(kvm: Kvm): ShadowMmu {
  return kvm.shadowMmu as ShadowMmu;
}

export function guestMmuOf(vcpu: Vcpu): GuestMmu {
  return vcpu.guestMmu as GuestMmu;
}
