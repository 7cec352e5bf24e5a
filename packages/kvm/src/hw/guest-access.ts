/**
 * @area io
 *
 * A load or store of the guest: the hardware walks the page table; what it cannot answer exits to KVM.
 */
import { type Cell, retryAfterChange, type Seen, type Task } from '@faultline/machine';
import { EOPNOTSUPP } from '../errno.ts';
import type { HostMemory } from '../host/memory.ts';
import { type Gpa, gfnOf } from '../types.ts';
import { dirtyRingSoftFull } from '../virt/dirty-ring.ts';
import { ioBusRead, ioBusWrite } from '../virt/io-bus.ts';
import { KvmBus } from '../virt/io-bus-state.ts';
import type { IoValue } from '../virt/io-device.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import type { Memslots } from '../virt/memslots.ts';
import { runInstruction } from '../virt/vcpu-entry.ts';
import { vcpuMemslots } from '../virt/vcpu-memslots.ts';
import { hasEntry } from '../virt/vcpu-mode.ts';
import { directPageFault } from '../x86/direct-page-fault.ts';
import { isMmioSpte } from '../x86/mmio-spte.ts';
import { rootOf } from '../x86/mmu-page.ts';
import { mmuPageFault, type PageFault } from '../x86/page-fault.ts';
import { RetPf } from '../x86/ret-pf.ts';
import { type Emulated, emulateWrite } from '../x86/shadow/emulate.ts';
import { INJECT_PAGE_FAULT, shadowPageFault } from '../x86/shadow/page-fault.ts';
import { isPresent, isWritable, pfnOf } from '../x86/spte.ts';
import { flushPmlBuffer } from './pml.ts';
import { wordOf } from './shadow-access.ts';
import { tdpAccess } from './tdp-access.ts';

/** Where an access ended. */
export const Via = {
  /** The frame that backs the address. */
  RAM: 'RAM',
  /** A device on an I/O bus of the VM. */
  BUS: 'bus',
  /** User space: KVM_EXIT_MMIO. */
  MMIO: 'MMIO',
  /** Nowhere yet: the guest may not go on before user space has made room in its dirty ring. */
  RING_FULL: 'ring full',
  /** A page fault of the guest: its own tables do not allow the access. */
  GUEST_FAULT: 'guest fault',
} as const;

export interface Access {
  readonly via: (typeof Via)[keyof typeof Via];
  /** What a load read; for MMIO user space has yet to say. */
  readonly value: bigint;
}

/** A guest load of 8 bytes at `gpa`. */
export function* guestRead(vcpu: Vcpu, gpa: Gpa): Task<Access> {
  return yield* guestAccess(vcpu, gpa, 8, false, 0n);
}

/** A guest store of 8 bytes at `gpa`. */
export function* guestWrite(vcpu: Vcpu, gpa: Gpa, value: bigint): Task<Access> {
  return yield* guestAccess(vcpu, gpa, 8, true, value);
}

/** One access that does not cross a page. Exits are repeated until the access has an end. */
export function* guestAccess(vcpu: Vcpu, gpa: Gpa, len: number, write: boolean, value: bigint): Task<Access> {
  const kvm = vcpu.kvm as Kvm;
  if (vcpu.guestMmu !== null) return yield* accessThroughShadow(vcpu, gpa, write, value);
  if (gfnOf(gpa) >= kvm.config.maxGfn) return yield* beyondTables(kvm, gpa, len, write, value);
  if (kvm.config.tdpMmu === 1) return yield* accessThroughTlb(vcpu, gpa, write, value);
  const sptep = rootOf(vcpu).spt.at(gfnOf(gpa));
  for (;;) {
    const spte = yield* sptep.readOnce();
    if (isPresent(spte) && (!write || isWritable(spte))) return yield* touchFrame(kvm, spte, write, value);
    const fault: PageFault = { gpa, write, spte, slots: null, waitFor: [] };
    const idx = yield* kvm.srcu.readLock();
    const result = yield* handleExit(vcpu, fault, len, value);
    const seen: Seen[] = result === RetPf.RETRY ? yield* whatToWaitFor(vcpu, sptep, fault) : [];
    yield* kvm.srcu.readUnlock(idx);
    if (typeof result === 'object') return result;
    if (result === RetPf.RETRY) yield* retryAfterChange(seen);
  }
}

/** No table can hold such an address, so nothing about it can be cached: each access is emulated. */
function* beyondTables(kvm: Kvm, gpa: Gpa, len: number, write: boolean, value: bigint): Task<Access> {
  const idx = yield* kvm.srcu.readLock();
  const access = yield* emulate(kvm, gpa, len, write, value);
  yield* kvm.srcu.readUnlock(idx);
  return access;
}

/** The same with TLBs and the TDP MMU: see tdp-access.ts and x86/direct-page-fault.ts. */
function* accessThroughTlb(vcpu: Vcpu, gpa: Gpa, write: boolean, value: bigint): Task<Access> {
  const kvm = vcpu.kvm as Kvm;
  for (;;) {
    const touched = hasEntry(kvm)
      ? yield* runInstruction(vcpu, gpa, write, value)
      : yield* tdpAccess(vcpu, gpa, write, value);
    if ('value' in touched) return { via: Via.RAM, value: touched.value };
    const fault: PageFault = { gpa, write, spte: touched.fault, slots: null, waitFor: [] };
    const idx = yield* kvm.srcu.readLock();
    // Every exit: a full log is one of the reasons, and then nothing else is wrong.
    if (kvm.config.pmlEntries > 0) yield* flushPmlBuffer(vcpu, yield* vcpuMemslots(vcpu));
    const result = yield* directPageFault(vcpu, fault);
    yield* kvm.srcu.readUnlock(idx);
    if (result === RetPf.EMULATE) return { via: Via.MMIO, value: 0n };
    const retries = result === RetPf.RETRY && fault.waitFor.length > 0;
    leave_when_ring_is_full: if (yield* dirtyRingSoftFull(vcpu)) return { via: Via.RING_FULL, value: 0n };
    if (retries) yield* retryAfterChange(fault.waitFor);
  }
}

/** With the shadow MMU: `gpa` is a virtual address. See shadow-access.ts and x86/shadow. */
function* accessThroughShadow(vcpu: Vcpu, gpa: Gpa, write: boolean, value: bigint): Task<Access> {
  const kvm = vcpu.kvm as Kvm;
  const { tdpLevels, tdpIndexBits } = kvm.config;
  if (gfnOf(gpa) >= 2 ** (tdpLevels * tdpIndexBits)) return { via: Via.GUEST_FAULT, value: 0n };
  for (;;) {
    const touched = hasEntry(kvm)
      ? yield* runInstruction(vcpu, gpa, write, value)
      : yield* tdpAccess(vcpu, gpa, write, value);
    if ('value' in touched) return { via: Via.RAM, value: touched.value };
    const fault: PageFault = { gpa, write, spte: touched.fault, slots: null, waitFor: [] };
    const idx = yield* kvm.srcu.readLock();
    const result = yield* shadowPageFault(vcpu, fault);
    let emulated: Emulated = write ? 'guest fault' : 'no memory';
    if (result === RetPf.EMULATE && write) {
      emulated = yield* emulateWrite(vcpu, gfnOf(gpa), wordOf(gpa), value);
    }
    yield* kvm.srcu.readUnlock(idx);
    if (result === INJECT_PAGE_FAULT) return { via: Via.GUEST_FAULT, value: 0n };
    if (result === RetPf.EMULATE) return { via: ENDS[emulated], value };
    if (result === RetPf.RETRY && fault.waitFor.length > 0) yield* retryAfterChange(fault.waitFor);
  }
}

const ENDS = { done: Via.RAM, 'guest fault': Via.GUEST_FAULT, 'no memory': Via.MMIO } as const;

/** An exit, inside its read section: how the access ended, or RETRY or FIXED to let the guest try again. */
function* handleExit(vcpu: Vcpu, fault: PageFault, len: number, value: bigint): Task<Access | number> {
  const kvm = vcpu.kvm as Kvm;
  const { mmioLayout, npt } = kvm.config;
  // A misconfiguration says MMIO by itself: devices that need neither length nor data are asked before any decoding.
  ask_fast_bus_first: if (npt === 0 && isMmioSpte(fault.spte, mmioLayout, false)) {
    if ((yield* ioBusWrite(kvm, KvmBus.FAST_MMIO, fault.gpa, 0, 0n)) === 0) return { via: Via.BUS, value };
  }
  const result = yield* mmuPageFault(vcpu, fault);
  return result === RetPf.EMULATE ? yield* emulate(kvm, fault.gpa, len, fault.write, value) : result;
}

/**
 * The guest faults again and again until the entry, or the slots that made the fault give up, have changed. A set is
 * used anew after another update, so its generation counts too; it cannot be while this section lasts.
 */
function* whatToWaitFor(vcpu: Vcpu, sptep: Cell<bigint>, fault: PageFault): Task<Seen[]> {
  const seen: Seen[] = [[sptep, fault.spte]];
  const { slots } = fault;
  if (slots === null) return seen;
  seen.push([activeSlots(vcpu), slots], [slots.generation, yield* slots.generation.readOnce()]);
  return seen;
}

/** The instruction runs in the emulator: a bus of the VM first, then user space. @kernel vcpu_mmio_write arch/x86/kvm/x86.c */
function* emulate(kvm: Kvm, gpa: Gpa, len: number, write: boolean, value: bigint): Task<Access> {
  const access: IoValue = { value: write ? value : 0n };
  let result = -EOPNOTSUPP;
  // A device that KVM runs itself is not user space's to emulate.
  try_bus_before_user_space: result = yield* accessBus(kvm, gpa, len, write, access);
  return { via: result === 0 ? Via.BUS : Via.MMIO, value: access.value };
}

function* accessBus(kvm: Kvm, gpa: Gpa, len: number, write: boolean, access: IoValue): Task<number> {
  if (write) return yield* ioBusWrite(kvm, KvmBus.MMIO, gpa, len, access.value);
  return yield* ioBusRead(kvm, KvmBus.MMIO, gpa, len, access);
}

function* touchFrame(kvm: Kvm, spte: bigint, write: boolean, value: bigint): Task<Access> {
  const frame = (kvm.memory as HostMemory).content.at(pfnOf(spte));
  if (!write) return { via: Via.RAM, value: yield* frame.readOnce() };
  yield* frame.writeOnce(value);
  return { via: Via.RAM, value };
}

function activeSlots(vcpu: Vcpu): Cell<Memslots | null> {
  const kvm = vcpu.kvm as Kvm;
  return kvm.memslots.at(kvm.config.addressSpaces > 1 ? vcpu.smm : 0);
}
