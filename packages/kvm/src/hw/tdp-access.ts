/**
 * A guest access with a TLB. The hardware looks in the TLB, walks the tables if it has to, sets Accessed and Dirty in the
 * entry with locked operations, and touches the frame; all of that is one instruction, between two interrupts. A guest
 * may go on using a translation that is no longer in the tables until its TLB is flushed.
 */
import type { Cell, Task } from '@faultline/machine';
import type { MmStruct } from '../host/mm.ts';
import { type Gfn, type Gpa, gfnOf } from '../types.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { mmuLoad, mmuReload } from '../x86/mmu-load.ts';
import { MmuPage } from '../x86/mmu-page.ts';
import { pfnOf } from '../x86/spte.ts';
import { PT_WRITABLE } from '../x86/spte-format.ts';
import { isDirty, isLarge, isShadowPresent } from '../x86/spte-predicates.ts';
import { framesAt, spteIndex } from '../x86/tdp-geometry.ts';
import { formatOf } from '../x86/tdp-spte.ts';
import { lastSpte, type Walked } from '../x86/tdp-walk.ts';
import { notePml } from './pml-buffer.ts';
import { shadowInstruction } from './shadow-access.ts';
import { tlbEntry } from './tlb.ts';

/** What became of the access: its value, or the entry that made the hardware exit. */
export type Touched =
  | { readonly value: bigint }
  | { readonly fault: bigint; readonly sptep: Cell<bigint> | null };

/** One load or store of 8 bytes. */
export function* tdpAccess(vcpu: Vcpu, gpa: Gpa, write: boolean, value: bigint): Task<Touched> {
  const { tlb } = vcpu;
  yield* enterAlways(vcpu);
  const touched = yield* insideInstruction(vcpu, gpa, write, value);
  yield* tlb.lock.unlock();
  return touched;
}

/** Takes the TLB's lock. A vCPU that is in its guest always leaves it only to look at its root, when it is told to. */
function* enterAlways(vcpu: Vcpu): Task {
  const { tlb } = vcpu;
  if (vcpu.root === null) yield* mmuLoad(vcpu);
  yield* tlb.lock.lock();
  while (tlb.freeObsoleteRoots !== 0) {
    tlb.freeObsoleteRoots = 0;
    yield* tlb.lock.unlock();
    yield* mmuReload(vcpu);
    yield* tlb.lock.lock();
  }
}

/** With the TLB's lock held. */
export function* insideInstruction(vcpu: Vcpu, gpa: Gpa, write: boolean, value: bigint): Task<Touched> {
  if (vcpu.guestMmu !== null) return yield* shadowInstruction(vcpu, gpa, write, value);
  const kvm = vcpu.kvm as Kvm;
  const { tlb } = vcpu;
  const gfn = gfnOf(gpa);
  const i = tlbEntry(tlb, gfn);
  let entry = tlb.entries.get(i);
  if (!serves(kvm, entry, write)) {
    const walked = yield* walk(vcpu, gpa, write);
    if (!walked.allowed) return { fault: walked.spte, sptep: walked.sptep };
    entry = fragmentOf(kvm, walked.spte, gfn);
    tlb.entries.set(i, entry);
  }
  const frame = (kvm.mmStruct as MmStruct).page.at(pfnOf(entry)).content;
  if (!write) return { value: yield* frame.readOnce() };
  yield* frame.writeOnce(value);
  return { value };
}

/** What a TLB keeps of an entry. Of a huge page it is the frame that was touched: hardware may cut a large translation up, and remember its parts one by one. */
function fragmentOf(kvm: Kvm, spte: bigint, gfn: Gfn): bigint {
  if (!isLarge(spte)) return spte;
  return BigInt.asUintN(64, spte + (BigInt(gfn % framesAt(kvm, 2)) << 12n));
}

/** Whether a TLB entry answers: for a write it must be writable, and dirty already where there is a Dirty bit. */
function serves(kvm: Kvm, entry: bigint, write: boolean): boolean {
  if (entry === 0n) return false;
  return !write || ((entry & PT_WRITABLE) !== 0n && isDirty(formatOf(kvm), entry));
}

interface HardwareWalk {
  readonly allowed: boolean;
  readonly spte: bigint;
  readonly sptep: Cell<bigint> | null;
}

/** The hardware's walk. It sets A, and D for a write, with a locked operation, and walks again if the entry changed. */
function* walk(vcpu: Vcpu, gpa: Gpa, write: boolean): Task<HardwareWalk> {
  const kvm = vcpu.kvm as Kvm;
  const format = formatOf(kvm);
  for (;;) {
    const found = yield* hardwareWalk(vcpu, gfnOf(gpa));
    if (found === null) return { allowed: false, spte: 0n, sptep: null };
    const { spte, sptep } = found;
    const allowed = (spte & format.readable) !== 0n && (!write || (spte & PT_WRITABLE) !== 0n);
    if (!isShadowPresent(format, spte) || !allowed) return { allowed: false, spte, sptep };
    const noted = spte | format.accessed | (write ? format.dirty : 0n);
    if (noted === spte) return { allowed: true, spte, sptep };
    const dirties = write && kvm.config.pmlEntries > 0 && !isDirty(format, spte);
    if (dirties && vcpu.pml.count >= kvm.config.pmlEntries) return { allowed: false, spte, sptep };
    if ((yield* sptep.cmpxchg(spte, noted)) !== spte) continue;
    if (dirties) notePml(vcpu.pml, gfnOf(gpa));
    return { allowed: true, spte: noted, sptep };
  }
}

/**
 * Down to the last entry that is present. With a paging-structure cache the walk starts from the last-level table of the
 * walk before, whatever leads there now; a walk that finds nothing there forgets it.
 */
function* hardwareWalk(vcpu: Vcpu, gfn: Gfn): Task<Walked | null> {
  const kvm = vcpu.kvm as Kvm;
  if (kvm.config.structureCache === 0) return yield* lastSpte(vcpu, gfn);
  const { tables } = vcpu.tlb;
  const i = tlbEntry(vcpu.tlb, gfn);
  const cached = tables.get(i);
  if (cached !== 0) {
    const sptep = MmuPage.at(cached).spt.at(spteIndex(kvm, gfn, 1));
    const spte = yield* sptep.readOnce();
    if (isShadowPresent(formatOf(kvm), spte)) return { sptep, spte, level: 1 };
    tables.set(i, 0);
  }
  const found = yield* lastSpte(vcpu, gfn);
  if (found?.level === 1) tables.set(i, found.sptep.addr - MmuPage.at(0).spt.at(spteIndex(kvm, gfn, 1)).addr);
  return found;
}
