/**
 * A guest access with the shadow MMU: as in tdp-access.ts, but the hardware walks shadow pages by the virtual address, and
 * knows nothing of the guest's tables. `gpa` is a virtual address throughout.
 */
import type { Cell, Task } from '@faultline/machine';
import { type Gfn, type Gpa, PAGE_SIZE } from '../types.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { frameWord, guestIndex } from '../x86/shadow/guest-tables.ts';
import { guestMmuOf } from '../x86/shadow/shadow-mmu.ts';
import { ShadowPage } from '../x86/shadow/shadow-page.ts';
import { lastShadowSpte } from '../x86/shadow/walk.ts';
import { pfnOf } from '../x86/spte.ts';
import { PT_WRITABLE } from '../x86/spte-format.ts';
import { isDirty, isShadowPresent } from '../x86/spte-predicates.ts';
import { formatOf } from '../x86/tdp-spte.ts';
import type { Touched } from './tdp-access.ts';
import { tlbEntry } from './tlb.ts';

/** One load or store of 8 bytes, with the TLB's lock held. */
export function* shadowInstruction(vcpu: Vcpu, gpa: Gpa, write: boolean, value: bigint): Task<Touched> {
  const kvm = vcpu.kvm as Kvm;
  const { tlb } = vcpu;
  const page = Math.floor(gpa / PAGE_SIZE);
  const i = tlbEntry(tlb, page as Gfn);
  let entry = tlb.entries.get(i);
  if (!allows(vcpu, entry, write) || (write && !isDirty(formatOf(kvm), entry))) {
    const walked = yield* walk(vcpu, page, write);
    if (!walked.allowed) return { fault: walked.spte, sptep: walked.sptep };
    entry = walked.spte;
    tlb.entries.set(i, entry);
  }
  const cell = frameWord(kvm, pfnOf(entry), wordOf(gpa));
  if (!write) return { value: yield* cell.readOnce() };
  yield* cell.writeOnce(value);
  return { value };
}

/** The word of its page that an address names. */
export function wordOf(address: number): number {
  return (address % PAGE_SIZE) >>> 3;
}

function allows(vcpu: Vcpu, spte: bigint, write: boolean): boolean {
  const format = formatOf(vcpu.kvm as Kvm);
  if (!isShadowPresent(format, spte)) return false;
  if (guestMmuOf(vcpu).user === 1 && (spte & format.user) === 0n) return false;
  return !write || (spte & PT_WRITABLE) !== 0n;
}

interface HardwareWalk {
  readonly allowed: boolean;
  readonly spte: bigint;
  readonly sptep: Cell<bigint> | null;
}

function* walk(vcpu: Vcpu, page: number, write: boolean): Task<HardwareWalk> {
  const format = formatOf(vcpu.kvm as Kvm);
  for (;;) {
    const found = yield* hardwareWalk(vcpu, page);
    if (found === null) return { allowed: false, spte: 0n, sptep: null };
    const { spte, sptep } = found;
    if (!allows(vcpu, spte, write)) return { allowed: false, spte, sptep };
    const noted = spte | format.accessed | (write ? format.dirty : 0n);
    if (noted === spte) return { allowed: true, spte, sptep };
    if ((yield* sptep.cmpxchg(spte, noted)) === spte) return { allowed: true, spte: noted, sptep };
  }
}

/** With a paging-structure cache: from the last-level page of the walk before, whatever leads there now. */
function* hardwareWalk(vcpu: Vcpu, page: number): Task<{ spte: bigint; sptep: Cell<bigint> } | null> {
  const kvm = vcpu.kvm as Kvm;
  if (kvm.config.structureCache === 0) return yield* lastShadowSpte(vcpu, page);
  const { tables } = vcpu.tlb;
  const i = tlbEntry(vcpu.tlb, page as Gfn);
  const cached = tables.get(i);
  if (cached !== 0) {
    const sptep = ShadowPage.at(cached).spt.at(guestIndex(kvm, page, 1));
    const spte = yield* sptep.readOnce();
    if (isShadowPresent(formatOf(kvm), spte)) return { sptep, spte };
    tables.set(i, 0);
  }
  const found = yield* lastShadowSpte(vcpu, page);
  if (found !== null) tables.set(i, found.page.addr);
  return found;
}
