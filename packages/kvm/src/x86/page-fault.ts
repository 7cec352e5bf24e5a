/**
 * @area mmio
 *
 * A fault that no entry of the page table answers: find the slot, then map the frame, or remember that there is none.
 */
import { type Seen, type Task, trace } from '@faultline/machine';
import { type HostMemory, hvaToPfn } from '../host/memory.ts';
import { type Gfn, type Gpa, gfnOf, type Pfn } from '../types.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import {
  hvaOf,
  KVM_MEM_READONLY,
  KVM_MEMSLOT_INVALID,
  type Memslot,
  type Memslots,
} from '../virt/memslots.ts';
import { searchVcpuMemslots, vcpuMemslots } from '../virt/vcpu-memslots.ts';
import { cacheMmioInfo } from './mmio-cache.ts';
import { handleMmioPageFault } from './mmio-fault.ts';
import { ACC_WRITE, isMmioSpte, makeMmioSpte, truncateGeneration } from './mmio-spte.ts';
import { rootOf } from './mmu-page.ts';
import { RetPf } from './ret-pf.ts';
import { makeSpte } from './spte.ts';

/** One exit of a guest access. @kernel struct kvm_page_fault arch/x86/kvm/mmu/mmu_internal.h */
export interface PageFault {
  readonly gpa: Gpa;
  readonly write: boolean;
  /** Where the hardware's walk ended. */
  readonly spte: bigint;
  /** The slots that the fault was decided by. */
  slots: Memslots | null;
  /** TDP MMU: a fault that is to be retried would end alike until one of these has changed; empty to retry at once. */
  waitFor: readonly Seen[];
  /** TDP MMU: what it is to be mapped with, 1 for a page, 2 for a huge page; decided last. */
  goalLevel?: number;
}

/**
 * Handles an exit. Inside a read section of kvm->srcu, which spans the
 * whole exit; the slots may be looked up more than once in it, and then need not be the same.
 *
 * @kernel kvm_mmu_page_fault arch/x86/kvm/mmu/mmu.c
 */
export function* mmuPageFault(vcpu: Vcpu, fault: PageFault): Task<number> {
  const { mmioLayout, npt } = (vcpu.kvm as Kvm).config;
  if (isMmioSpte(fault.spte, mmioLayout, npt === 1)) {
    const result = yield* handleMmioPageFault(vcpu, fault.gpa);
    if (result !== RetPf.INVALID) return result;
  }
  return yield* tdpPageFault(vcpu, fault);
}

/** @kernel kvm_tdp_page_fault arch/x86/kvm/mmu/mmu.c */
export function* tdpPageFault(vcpu: Vcpu, fault: PageFault): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const gfn = gfnOf(fault.gpa);
  fault.slots = yield* vcpuMemslots(vcpu);
  const slot = yield* searchVcpuMemslots(vcpu, fault.slots, gfn);
  if (slot === null) return yield* handleNoslotFault(vcpu, gfn);
  // The slot can still be found, but nothing may be mapped from it, nor may its frames be taken for MMIO.
  retry_invalid_slot: if ((slot.flags & KVM_MEMSLOT_INVALID) !== 0) return RetPf.RETRY;
  const readonly = (slot.flags & KVM_MEM_READONLY) !== 0;
  // A write to a ROM is emulated, but never cached: reads of it are not MMIO.
  if (fault.write && readonly) return RetPf.EMULATE;
  const pfn = slotPfn(kvm, slot, gfn);
  if (pfn === null) return RetPf.EMULATE;
  return yield* tdpMap(vcpu, gfn, makeSpte(pfn, !readonly, kvm.config.npt === 1));
}

/** Remembers, in the vCPU and in the page table, that no slot backs the frame. @kernel kvm_handle_noslot_fault arch/x86/kvm/mmu/mmu.c */
export function* handleNoslotFault(vcpu: Vcpu, gfn: Gfn): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  yield* cacheMmioInfo(vcpu, 0, gfn, Number(ACC_WRITE));
  yield* kvm.mmuLock.readLock();
  const sptep = rootOf(vcpu).spt.at(gfn);
  const old = yield* sptep.readOnce();
  const spte = yield* markMmioSpte(vcpu, gfn);
  yield* sptep.cmpxchg(old, spte);
  yield* kvm.mmuLock.readUnlock();
  return RetPf.EMULATE;
}

/** The entry, with the generation of the slots that are active now. @kernel mark_mmio_spte arch/x86/kvm/mmu/mmu.c */
function* markMmioSpte(vcpu: Vcpu, gfn: Gfn): Task<bigint> {
  const { mmioLayout, npt } = (vcpu.kvm as Kvm).config;
  const slots = yield* vcpuMemslots(vcpu);
  const generation = yield* slots.generation.readOnce();
  trace('mark_mmio_spte', `gfn ${gfn.toString(16)} gen ${generation}`);
  const kept = truncateGeneration(generation, mmioLayout);
  return makeMmioSpte(mmioLayout, npt === 1, gfn, kept, npt === 1 ? ACC_WRITE : 0n);
}

/** Installs a leaf unless somebody was faster. @kernel kvm_tdp_mmu_map arch/x86/kvm/mmu/tdp_mmu.c */
export function* tdpMap(vcpu: Vcpu, gfn: Gfn, spte: bigint): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  yield* kvm.mmuLock.readLock();
  const sptep = rootOf(vcpu).spt.at(gfn);
  const old = yield* sptep.readOnce();
  if (old !== spte) yield* sptep.cmpxchg(old, spte);
  yield* kvm.mmuLock.readUnlock();
  return RetPf.FIXED;
}

/** @kernel __gfn_to_pfn_memslot virt/kvm/kvm_main.c */
function slotPfn(kvm: Kvm, slot: Memslot, gfn: Gfn): Pfn | null {
  return hvaToPfn(kvm.memory as HostMemory, hvaOf(slot, gfn));
}
