/** What a VM is: historical behaviour and geometry. Written once, by createVm. */
import { struct, u32Field, u53As, type ViewType } from '@faultline/machine';
import type { Gfn } from '../types.ts';

/** How memslot generations mark an update in progress: the low bit (2014), or bit 63 (since 5.1). */
export const Generations = { LOW_BIT: 0, BIT_63: 1 } as const;
/** Bits of an MMIO SPTE that hold the generation: see x86/mmio-spte.ts. */
export const MmioLayout = { BEFORE_2014: 0, Y2014: 1, MODERN: 2 } as const;

export const KvmConfig = struct(
  'kvm_config',
  {
    generations: u32Field,
    mmioLayout: u32Field,
    /** 1: flat array of slots (2014); 0: tree. */
    flatMemslots: u32Field,
    /** 2 with SMM. */
    addressSpaces: u32Field,
    /** Ids that user space may use; three private ids follow. */
    userMemSlots: u32Field,
    /** Non-EPT: MMIO is recognised by a reserved bit instead of a misconfiguration. */
    npt: u32Field,
    /** vCPUs remember their last MMIO decision beside the page table. */
    vcpuMmioCache: u32Field,
    /** Allocations may fail: each one is a choice. */
    allocMayFail: u32Field,
    /** KVM_DIRTY_LOG_INITIALLY_SET */
    dirtyLogInitiallySet: u32Field,
    /** KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: a harvest copies the bits, KVM_CLEAR_DIRTY_LOG clears them. */
    dirtyLogManualProtect: u32Field,
    /** Entries of the page-modification log; 0: the hardware has none. */
    pmlEntries: u32Field,
    /** Entries of a dirty ring that stay free for what an exit may still log. */
    dirtyRingReserved: u32Field,
    /** Guest frames that the one-level page table of the model covers. */
    tableEntries: u32Field,
    /** Entries of the coalesced-MMIO ring: 170 fill its page. */
    coalescedMmioMax: u32Field,
    /** 1: the TDP MMU with TLBs and the host's memory manager; 0: one table, no TLB, memory that never moves. */
    tdpMmu: u32Field,
    /** Levels of the tables, and bits of a frame number that each resolves; 4 and 9 on real x86. */
    tdpLevels: u32Field,
    tdpIndexBits: u32Field,
    /** The hardware sets Accessed and Dirty bits in SPTEs. */
    adBits: u32Field,
    /** 1: the host changes an entry with change_pte alone, without an invalidation around it, as before 3.7. */
    changePteAlone: u32Field,
    /** 1: the last page on a merged frame keeps it when it is written, as from 5.1 to 5.7. */
    keepsMerged: u32Field,
    /** 1: remote TLB flushes by requests and interrupts; 0: abstract. Likewise a vCPU's way into its guest. */
    remoteFlush: u32Field,
    vcpuEntry: u32Field,
    /** 1: long walks under mmu_lock may drop it on the way, whenever the scheduler asks. */
    mmuYields: u32Field,
    /** 1: the hardware also remembers last-level tables, and walks from there. */
    structureCache: u32Field,
    /** 1: mmu_lock is a spinlock. Only with the shadow MMU. */
    mmuSpinlock: u32Field,
    /** 1: the host maps ranges of its memory as huge pages, and KVM does where it can. */
    hugePages: u32Field,
    /** 1: huge pages are split when logging starts, not when they are written. @kernel eager_page_split */
    eagerPageSplit: u32Field,
    /** Which hardware virtualizes the local APIC, if any: see x86/apicv-state.ts. */
    apicv: u32Field,
    /** Frame of the local APIC: 0xfee00 where the tables reach so far, else the last one. */
    apicGfn: u53As<Gfn>(),
    /** Whose APICv state a fault on that frame goes by: see x86/apicv-state.ts. */
    apicvFaultBy: u32Field,
    /** 1: vCPUs are told to reload the address of the APIC-access page when the host has taken it away, as in 6.1; 0: before. */
    apicReloadByHook: u32Field,
    /** 1: faults count what they met of an update in progress: see x86/apicv-races.ts. */
    countApicvRaces: u32Field,
    /** First frame number that the host's page tables cannot hold. */
    maxGfn: u53As<Gfn>(),
  },
  { as: 'kvm->config' },
);
export type KvmConfig = ViewType<typeof KvmConfig>;
