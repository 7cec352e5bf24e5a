/**
 * @area mmio
 *
 * KVM_RUN: runs the guest until something needs user space. What user space answers is consumed at the start of the
 * next KVM_RUN, before anything else is looked at.
 */
import type { Task } from '@faultline/machine';
import { EINTR, EINVAL, EIO } from '../errno.ts';
import { type Access, guestAccess, Via } from '../hw/guest-access.ts';
import { type Decoded, fetch } from '../hw/guest-program.ts';
import { flushPmlBuffer } from '../hw/pml.ts';
import { type Gpa, PAGE_SIZE } from '../types.ts';
import { NOT_HANDLED, xenEvtchnSend } from '../x86/xen-hypercall.ts';
import { dirtyRingSoftFull } from './dirty-ring.ts';
import { exitIo, exitMmio, IoDirection, ioExit, KvmExit, mmioExit } from './exit.ts';
import { ioBusRead, ioBusWrite } from './io-bus.ts';
import { KvmBus } from './io-bus-state.ts';
import type { IoValue } from './io-device.ts';
import type { GuestProgram, Kvm, Vcpu } from './kvm.ts';
import { exitGuest } from './vcpu-entry.ts';
import { vcpuMemslots } from './vcpu-memslots.ts';

/** What an exit still has to do when user space comes back. */
const Pending = { NONE: 0, MMIO_READ: 1, MMIO_WRITE: 2, IO_READ: 3, IO_WRITE: 4, ACCESS: 5 } as const;

/**
 * Runs the vCPU. Returns 0 with the reason in kvm_run, or a negative errno. `arg` must be 0, as the ioctl's.
 *
 * @kernel kvm_arch_vcpu_ioctl_run arch/x86/kvm/x86.c
 */
export function* vcpuRun(vcpu: Vcpu, arg = 0, mm = (vcpu.kvm as Kvm).mm): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  if (mm !== kvm.mm || (yield* kvm.vmDead.readOnce()) !== 0) return -EIO;
  if (arg !== 0) return -EINVAL;
  run_holds_vcpu_mutex: yield* vcpu.mutex.lock();
  const result = yield* run(vcpu);
  run_holds_vcpu_mutex: yield* vcpu.mutex.unlock();
  return result;
}

function* run(vcpu: Vcpu): Task<number> {
  // Even if the run is to end at once: the guest's instruction has happened as far as user space knows.
  complete_pending_io: if (yield* completePending(vcpu)) return 0;
  if (vcpu.run.immediateExit !== 0) return -EINTR;
  if (yield* dirtyRingSoftFull(vcpu)) {
    vcpu.run.exitReason = KvmExit.DIRTY_RING_FULL;
    return 0;
  }
  for (;;) {
    const instruction = fetch(vcpu.program as GuestProgram, vcpu.rip);
    if (yield* execute(vcpu, instruction)) return 0;
  }
}

/** Runs one instruction; true if user space is needed. */
function* execute(vcpu: Vcpu, instruction: Decoded): Task<boolean> {
  switch (instruction.op) {
    case 'hlt':
      yield* handleExit(vcpu);
      vcpu.rip++;
      vcpu.run.exitReason = KvmExit.HLT;
      return true;
    case 'in':
    case 'out':
      yield* handleExit(vcpu);
      return yield* portAccess(vcpu, instruction);
    case 'evtchn-send':
      yield* handleExit(vcpu);
      return yield* hypercall(vcpu, instruction.address);
    default:
      vcpu.pendingDone = 0;
      vcpu.pendingValue = 0n;
      return yield* memoryAccess(vcpu, instruction);
  }
}

/** The guest has left by an instruction of its own. @kernel vmx_handle_exit arch/x86/kvm/vmx/vmx.c */
function* handleExit(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  yield* exitGuest(vcpu);
  if (kvm.config.pmlEntries === 0) return;
  const idx = yield* kvm.srcu.readLock();
  yield* flushPmlBuffer(vcpu, yield* vcpuMemslots(vcpu));
  yield* kvm.srcu.readUnlock(idx);
}

/**
 * A load or store, in fragments that do not cross a page: each finds its own slot. Goes on from `pendingDone` bytes.
 *
 * @kernel emulator_read_write arch/x86/kvm/x86.c
 */
function* memoryAccess(vcpu: Vcpu, { op, address, size, value }: Decoded): Task<boolean> {
  const write = op === 'store';
  while (vcpu.pendingDone < size) {
    const gpa = address + vcpu.pendingDone;
    const len = Math.min(size - vcpu.pendingDone, PAGE_SIZE - (gpa % PAGE_SIZE));
    const part = fragmentOf(value, vcpu.pendingDone, len);
    const access: Access = yield* guestAccess(vcpu, gpa as Gpa, len, write, part);
    if (access.via === Via.RING_FULL) {
      vcpu.run.exitReason = KvmExit.DIRTY_RING_FULL;
      vcpu.pendingIo = Pending.ACCESS;
      return true;
    }
    if (access.via === Via.MMIO) {
      exitMmio(vcpu.run, gpa, len, write, part);
      vcpu.pendingIo = write ? Pending.MMIO_WRITE : Pending.MMIO_READ;
      vcpu.pendingBytes = len;
      return true;
    }
    fragmentDone(vcpu, access.value, len);
  }
  retire(vcpu, write);
  return false;
}

/** True if user space has to carry the hypercall out. @kernel kvm_xen_hypercall arch/x86/kvm/xen.c */
function* hypercall(vcpu: Vcpu, port: number): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  const idx = yield* kvm.srcu.readLock();
  const result = kvm.xen === null ? NOT_HANDLED : yield* xenEvtchnSend(vcpu, port);
  yield* kvm.srcu.readUnlock(idx);
  vcpu.rip++;
  if (result === NOT_HANDLED) {
    vcpu.run.exitReason = KvmExit.XEN;
    return true;
  }
  vcpu.rax = BigInt.asUintN(64, BigInt(result));
  return false;
}

/** @kernel kernel_pio arch/x86/kvm/x86.c */
export function* portAccess(vcpu: Vcpu, { op, address, size, value }: Decoded): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  const out = op === 'out';
  const idx = yield* kvm.srcu.readLock();
  const into: IoValue = { value: 0n };
  const result = out
    ? yield* ioBusWrite(kvm, KvmBus.PIO, address, size, value)
    : yield* ioBusRead(kvm, KvmBus.PIO, address, size, into);
  yield* kvm.srcu.readUnlock(idx);
  if (result !== 0) {
    exitIo(vcpu.run, out ? IoDirection.OUT : IoDirection.IN, size, address, value);
    vcpu.pendingIo = out ? Pending.IO_WRITE : Pending.IO_READ;
    return true;
  }
  if (!out) vcpu.rax = into.value;
  vcpu.rip++;
  return false;
}

/** Consumes what user space answered; true if the same instruction exits again. @kernel complete_emulated_mmio arch/x86/kvm/x86.c */
function* completePending(vcpu: Vcpu): Task<boolean> {
  const pending = vcpu.pendingIo;
  vcpu.pendingIo = Pending.NONE;
  if (pending === Pending.IO_READ) vcpu.rax = ioExit(vcpu.run).data;
  if (pending === Pending.IO_READ || pending === Pending.IO_WRITE) vcpu.rip++;
  if (pending === Pending.NONE || pending === Pending.IO_READ || pending === Pending.IO_WRITE) return false;
  // Past the fragment that user space has handled, or it would happen twice.
  skip_finished_fragment: if (pending !== Pending.ACCESS)
    fragmentDone(vcpu, mmioExit(vcpu.run).data, vcpu.pendingBytes);
  return yield* memoryAccess(vcpu, fetch(vcpu.program as GuestProgram, vcpu.rip));
}

function fragmentOf(value: bigint, from: number, len: number): bigint {
  return (value >> BigInt(8 * from)) & ((1n << BigInt(8 * len)) - 1n);
}

function fragmentDone(vcpu: Vcpu, value: bigint, len: number): void {
  const mask = (1n << BigInt(8 * len)) - 1n;
  vcpu.pendingValue |= (value & mask) << BigInt(8 * vcpu.pendingDone);
  vcpu.pendingDone += len;
}

function retire(vcpu: Vcpu, write: boolean): void {
  if (!write) vcpu.rax = vcpu.pendingValue;
  vcpu.rip++;
}
