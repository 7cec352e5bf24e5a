/**
 * @area mmu
 *
 * A fault of the TDP MMU: without mmu_lock if that can do, else ask the host for the frame, take mmu_lock for read, see
 * whether the answer still holds, and install it.
 */
import { type Cell, type Seen, smpRmb, type Task, warnOn } from '@faultline/machine';
import { hvaToPfnPinned } from '../host/gup.ts';
import { type MmStruct, putPage } from '../host/mm.ts';
import { gfnOf, type Hva, type Pfn } from '../types.ts';
import { markPageDirtyInSlot } from '../virt/dirty-log.ts';
import { invalidationCovers } from '../virt/invalidate-range.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import {
  hvaOf,
  KVM_MEM_READONLY,
  KVM_MEMSLOT_INVALID,
  type Memslot,
  type Memslots,
} from '../virt/memslots.ts';
import { searchVcpuMemslots, vcpuMemslots } from '../virt/vcpu-memslots.ts';
import { isApicAccessSlot } from './apic-access-slot.ts';
import { mayMapApicPage } from './apicv-fault.ts';
import { countDecided } from './apicv-races.ts';
import { fastPageFault } from './fast-page-fault.ts';
import { flushRemoteTlbs } from './flush.ts';
import { firstOfHuge, hugepageAdjust } from './hugepage-adjust.ts';
import { allocMmuPage, type MmuPage, rootOf } from './mmu-page.ts';
import type { PageFault } from './page-fault.ts';
import { RetPf } from './ret-pf.ts';
import { AdType, PT_PAGE_SIZE, PT_WRITABLE } from './spte-format.ts';
import { FROZEN_SPTE, isShadowPresent } from './spte-predicates.ts';
import { isTable, replaceSpteAtomic } from './tdp-frozen.ts';
import { childOf, entriesOf, makeNonleaf, spteIndex } from './tdp-geometry.ts';
import { splitHugePage } from './tdp-split.ts';
import { formatOf, setSpteAtomic } from './tdp-spte.ts';

/** A frame that the host gave, good if nothing was invalidated since `seq`. */
export interface Faultin {
  readonly pfn: Pfn;
  readonly writable: boolean;
  readonly seq: number;
  readonly hva: Hva;
}

/** Inside a read section of kvm->srcu. @kernel direct_page_fault arch/x86/kvm/mmu/mmu.c */
export function* directPageFault(vcpu: Vcpu, fault: PageFault): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const mm = kvm.mmStruct as MmStruct;
  fault.slots = yield* vcpuMemslots(vcpu);
  const slot = yield* searchVcpuMemslots(vcpu, fault.slots, gfnOf(fault.gpa));
  if (slot === null) return RetPf.EMULATE;
  const fast = yield* fastPageFault(vcpu, fault, slot);
  if (fast !== RetPf.INVALID) return fast;
  if ((slot.flags & KVM_MEMSLOT_INVALID) !== 0) {
    fault.waitFor = yield* untilSlotsChange(vcpu, fault.slots);
    return RetPf.RETRY;
  }
  const found = yield* faultinPfn(vcpu, fault, slot);
  if (found === null) return RetPf.EMULATE;
  fault.waitFor = [[kvm.mmuInvalidateSeq, found.seq]];

  yield* kvm.mmuLock.readLock();
  let result: number = RetPf.RETRY;
  if (!(yield* isPageFaultStale(vcpu, fault, found))) result = yield* tdpMmuMap(vcpu, fault, slot, found);
  if (kvm.config.countApicvRaces === 1) yield* countDecided(vcpu, found.seq, result);
  yield* kvm.mmuLock.readUnlock();
  // From here the frame stays only as long as the notifier lets it.
  yield* putPage(mm, found.pfn);
  return result;
}

/** Null: the instruction is to be emulated. @kernel kvm_faultin_pfn arch/x86/kvm/mmu/mmu.c */
export function* faultinPfn(vcpu: Vcpu, fault: PageFault, slot: Memslot): Task<Faultin | null> {
  const kvm = vcpu.kvm as Kvm;
  const seq = yield* kvm.mmuInvalidateSeq.readOnce();
  // Pairs with the write barrier of the notifier's end: the count is read before the host's page table.
  order_seq_before_gup: yield* smpRmb();
  // After the sequence: an update that turns APICv off raises it when it has zapped.
  if (isApicAccessSlot(kvm, slot) && !(yield* mayMapApicPage(vcpu))) return null;
  // A device behind memory that can be read, such as flash: what is written is user space's to handle.
  if (fault.write && (slot.flags & KVM_MEM_READONLY) !== 0) return null;
  const hva = hvaOf(slot, gfnOf(fault.gpa));
  const gup = yield* hvaToPfnPinned(kvm, hva, fault.write);
  if (gup === null) return null;
  return { ...gup, writable: gup.writable && (slot.flags & KVM_MEM_READONLY) === 0, seq, hva };
}

/** A set is used anew after another update, so its generation counts too; it cannot be while this section lasts. */
function* untilSlotsChange(vcpu: Vcpu, slots: Memslots): Task<Seen[]> {
  const kvm = vcpu.kvm as Kvm;
  const active = kvm.memslots.at(kvm.config.addressSpaces > 1 ? vcpu.smm : 0);
  return [
    [active, slots],
    [slots.generation, yield* slots.generation.readOnce()],
  ];
}

/** Under mmu_lock: whether the root is of no use any more, or an invalidation has begun or ended since the host was asked. @kernel is_page_fault_stale arch/x86/kvm/mmu/mmu.c */
export function* isPageFaultStale(vcpu: Vcpu, fault: PageFault, { seq, hva }: Faultin): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  // Its entries are being zapped, and nobody would come back for a new one. The request to load another root is there already.
  retry_obsolete_root: if ((yield* rootOf(vcpu).invalid.readOnce()) !== 0) {
    fault.waitFor = [];
    return true;
  }
  // Begun, and the host may not have changed its table yet.
  retry_while_in_progress: if (invalidationCovers(kvm, hva)) return true;
  const now = yield* kvm.mmuInvalidateSeq.readOnce();
  retry_after_invalidation: if (now !== seq) return true;
  return false;
}

/** Under mmu_lock held for read. @kernel kvm_tdp_mmu_map arch/x86/kvm/mmu/tdp_mmu.c */
export function* tdpMmuMap(vcpu: Vcpu, fault: PageFault, slot: Memslot, found: Faultin): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  // Who shares mmu_lock may unlink the tables on the way.
  const rcu = yield* kvm.rcu.readLock();
  fault.waitFor = [];
  yield* hugepageAdjust(kvm, fault, slot);
  let result = yield* installLeaf(vcpu, fault, slot, found);
  if (result === FROZEN) {
    // Looked at once more after the count of releases was read, so that waiting for the next one misses none.
    const released = yield* kvm.frozenReleased.readOnce();
    result = yield* installLeaf(vcpu, fault, slot, found);
    if (result === FROZEN) fault.waitFor = [[kvm.frozenReleased, released]];
  }
  yield* kvm.rcu.readUnlock(rcu);
  return result === FROZEN ? RetPf.RETRY : result;
}

/** Somebody owns an entry on the way. */
const FROZEN = -1;

/**
 * From the root down to the entry of the frame at the level that the fault aims at. Where there are no tables they are
 * linked, and a huge page in the way is split. RETRY if somebody was faster.
 */
function* installLeaf(vcpu: Vcpu, fault: PageFault, slot: Memslot, found: Faultin): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const format = formatOf(kvm);
  const gfn = gfnOf(fault.gpa);
  let table = rootOf(vcpu);
  for (let level = kvm.config.tdpLevels; ; level--) {
    const sptep = table.spt.at(spteIndex(kvm, gfn, level));
    const old = yield* sptep.readOnce();
    if (old === FROZEN_SPTE) return FROZEN;
    if (level === fault.goalLevel) {
      warnOn(rootOf(vcpu).invalid.peek() !== 0, 'an SPTE is installed under an invalid root');
      const spte = level === 1 ? makeLeaf(kvm, found) : makeHugeLeaf(kvm, found);
      if (spte === old) return RetPf.SPURIOUS;
      log_before_install: if (found.writable) yield* markPageDirtyInSlot(vcpu, slot, gfn);
      return (yield* mapAt(kvm, sptep, level, old, spte)) ? RetPf.FIXED : RetPf.RETRY;
    }
    if (isTable(kvm, old, level)) {
      table = childOf(old);
      continue;
    }
    const child = isShadowPresent(format, old)
      ? yield* splitHugePage(kvm, sptep, level, old)
      : yield* linkTable(kvm, sptep, level, old);
    if (child === null) return RetPf.RETRY;
    table = child;
  }
}

/** Installs the leaf unless the entry has changed; returns whether it did. @kernel tdp_mmu_map_handle_target_level arch/x86/kvm/mmu/tdp_mmu.c */
export function* mapAt(
  kvm: Kvm,
  sptep: Cell<bigint>,
  level: number,
  old: bigint,
  spte: bigint,
): Task<boolean> {
  if (!(yield* replaceSpteAtomic(kvm, sptep, level, old, spte))) return false;
  // The hardware may still stand in the table that the huge page replaces; it is freed when this read section has ended.
  flush_replaced_table: if (isTable(kvm, old, level)) yield* flushRemoteTlbs(kvm);
  return true;
}

/** Links an empty table below an empty entry; null if somebody was faster. @kernel tdp_mmu_link_sp arch/x86/kvm/mmu/tdp_mmu.c */
function* linkTable(kvm: Kvm, sptep: Cell<bigint>, level: number, old: bigint): Task<MmuPage | null> {
  const child = allocMmuPage(entriesOf(kvm));
  return (yield* setSpteAtomic(kvm, sptep, level, old, makeNonleaf(child))) ? child : null;
}

/** @kernel make_spte arch/x86/kvm/mmu/spte.c */
export function makeLeaf(kvm: Kvm, { pfn, writable }: Faultin): bigint {
  const f = formatOf(kvm);
  const type = f.accessed === 0n ? AdType.DISABLED : AdType.ENABLED;
  const base =
    (BigInt(pfn) << 12n) | f.mmuPresent | f.readable | f.user | f.x | f.accessed | (type & f.typeMask);
  if (!writable) return base;
  return base | f.hostWritable | f.mmuWritable | PT_WRITABLE | f.dirty;
}

/** The same for all the range of which the frame is part. */
export function makeHugeLeaf(kvm: Kvm, { pfn, ...found }: Faultin): bigint {
  let first = pfn;
  // The frame that was asked for may be any of them.
  start_at_first_frame: first = firstOfHuge(kvm, pfn);
  return makeLeaf(kvm, { ...found, pfn: first }) | PT_PAGE_SIZE;
}
