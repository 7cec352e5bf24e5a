/**
 * @area arm64
 *
 * The guest's loads and stores, by hardware: a walk of the tables, or what the TLB remembers of one. An access holds the TLB's lock from
 * the walk to the memory: an invalidation waits for accesses under way.
 */
import { bugOn, type Task } from '@faultline/machine';
import { frameOf } from '../host/user-mm.ts';
import type { Gfn, Pfn } from '../types.ts';
import type { Abort } from './stage2-fault.ts';
import {
  childOf,
  entryOf,
  indexOf,
  isTable,
  PMD,
  PTE,
  pfnOf,
  S2_AF,
  S2AP_W,
  type Stage2Table,
  spanOf,
} from './stage2-table.ts';
import type { ArmKvm, ArmVcpu, UserMm } from './state.ts';

/** What came of an access: the value that was there, or the fault that it takes. */
export interface ArmAccess {
  readonly abort: Abort | null;
  readonly value: bigint;
}

/** Stores `value`, or loads when it is null. */
export function* armAccess(vcpu: ArmVcpu, gfn: Gfn, value: bigint | null): Task<ArmAccess> {
  const { tlb } = vcpu;
  yield* tlb.lock.lock();
  const access = yield* accessLocked(vcpu, gfn, value);
  yield* tlb.lock.unlock();
  return access;
}

function* accessLocked(vcpu: ArmVcpu, gfn: Gfn, value: bigint | null): Task<ArmAccess> {
  const kvm = vcpu.kvm as ArmKvm;
  const { tlb } = vcpu;
  const range = Math.floor(gfn / spanOf(PMD, kvm.indexBits));
  const page = tlb.pages.get(gfn);
  const block = tlb.blocks.get(range);
  bugOn(page !== 0n && block !== 0n, 'TLB conflict abort: a page and a block translate the same address');
  const hit = page !== 0n ? page : block;
  const write = value !== null;
  if (hit !== 0n && (!write || (hit & S2AP_W) !== 0n)) {
    const level = page !== 0n ? PTE : PMD;
    return { abort: null, value: yield* touch(kvm, gfn, hit, level, value) };
  }
  const walked = yield* walk(kvm, gfn);
  const miss = { gfn, write };
  if (walked.entry === 0n) return { abort: { ...miss, accessFlag: false }, value: 0n };
  if ((walked.entry & S2_AF) === 0n) return { abort: { ...miss, accessFlag: true }, value: 0n };
  if (write && (walked.entry & S2AP_W) === 0n) return { abort: { ...miss, accessFlag: false }, value: 0n };
  if (walked.level === PTE) tlb.pages.set(gfn, walked.entry);
  else tlb.blocks.set(range, walked.entry);
  return { abort: null, value: yield* touch(kvm, gfn, walked.entry, walked.level, value) };
}

/** From the top; with hardware that manages the access flag, sets it. Entry 0 if nothing is mapped. */
function* walk(kvm: ArmKvm, gfn: Gfn): Task<{ entry: bigint; level: number }> {
  let table = (yield* kvm.pgd.rcuDereference()) as Stage2Table;
  bugOn(table === null, 'the hardware walks tables that were freed');
  for (let level = kvm.levels - 1; ; level--) {
    const entryp = entryOf(table, level, indexOf(gfn, level, kvm.indexBits));
    const entry = yield* entryp.rcuDereference();
    if (isTable(entry, level)) {
      table = childOf(entry);
      continue;
    }
    if (entry === 0n || kvm.hardwareAf === 0 || (entry & S2_AF) !== 0n) return { entry, level };
    if ((yield* entryp.cmpxchg(entry, entry | S2_AF)) === entry) return { entry: entry | S2_AF, level };
    return { entry: 0n, level };
  }
}

/** The memory itself: a frame that somebody has a right to. */
function* touch(kvm: ArmKvm, gfn: Gfn, entry: bigint, level: number, value: bigint | null): Task<bigint> {
  const pfn = (pfnOf(entry) + (gfn % spanOf(level, kvm.indexBits))) as Pfn;
  const frame = frameOf(kvm.mm as UserMm, pfn);
  bugOn((yield* frame.refcount.readOnce()) === 0, 'the guest uses a frame that was freed');
  if (value === null) return yield* frame.content.readOnce();
  yield* frame.content.writeOnce(value);
  return value;
}
