/** How /dev/kvm is spoken to on x86-64: numbers of ioctls, and structures byte by byte. */
import type { ClearDirtyLog, CoalescedZoneArgs, EnableCap, IoeventfdArgs } from '@faultline/kvm';
import { type Coalesced, type Eight, type Exit, FLAGS, type Registers } from './client.ts';

const KVMIO = 0xae;
const io = (nr: number) => (KVMIO << 8) | nr;
const iow = (nr: number, size: number) => 2 ** 30 + size * 2 ** 16 + io(nr);
const ior = (nr: number, size: number) => 2 ** 31 + size * 2 ** 16 + io(nr);
const iowr = (nr: number, size: number) => 2 ** 31 + iow(nr, size);

const REGS = 144;
const SREGS = 312;

/** @kernel include/uapi/linux/kvm.h */
export const Ioctl = {
  GET_API_VERSION: io(0x00),
  CREATE_VM: io(0x01),
  CHECK_EXTENSION: io(0x03),
  GET_VCPU_MMAP_SIZE: io(0x04),
  CREATE_VCPU: io(0x41),
  GET_DIRTY_LOG: iow(0x42, 16),
  SET_USER_MEMORY_REGION: iow(0x46, 32),
  SET_TSS_ADDR: io(0x47),
  SET_IDENTITY_MAP_ADDR: iow(0x48, 8),
  REGISTER_COALESCED_MMIO: iow(0x67, 16),
  UNREGISTER_COALESCED_MMIO: iow(0x68, 16),
  IOEVENTFD: iow(0x79, 64),
  ENABLE_CAP: iow(0xa3, 104),
  CLEAR_DIRTY_LOG: iowr(0xc0, 24),
  RESET_DIRTY_RINGS: io(0xc7),
  RUN: io(0x80),
  GET_REGS: ior(0x81, REGS),
  SET_REGS: iow(0x82, REGS),
  GET_SREGS: ior(0x83, SREGS),
  SET_SREGS: iow(0x84, SREGS),
} as const;

/** The only version there is. */
export const KVM_API_VERSION = 12;

/** struct kvm_userspace_memory_region */
export function memoryRegion(
  slot: number,
  flags: number,
  guestPhysAddr: bigint,
  memorySize: bigint,
  userspaceAddr: bigint,
): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(slot, 0);
  bytes.writeUInt32LE(flags, 4);
  bytes.writeBigUInt64LE(guestPhysAddr, 8);
  bytes.writeBigUInt64LE(memorySize, 16);
  bytes.writeBigUInt64LE(userspaceAddr, 24);
  return bytes;
}

/** struct kvm_dirty_log; `bitmap` is an address. */
export function dirtyLog(slot: number, bitmap: bigint): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(slot, 0);
  bytes.writeBigUInt64LE(bitmap, 8);
  return bytes;
}

/** struct kvm_clear_dirty_log; `bitmap` is an address. */
export function clearLog({ slot, numPages, firstPage }: ClearDirtyLog, bitmap: bigint): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32LE(slot, 0);
  bytes.writeUInt32LE(numPages, 4);
  bytes.writeBigUInt64LE(BigInt(firstPage), 8);
  bytes.writeBigUInt64LE(bitmap, 16);
  return bytes;
}

/** struct kvm_enable_cap */
export function enableCapStruct({ cap, flags, arg }: EnableCap): Buffer {
  const bytes = Buffer.alloc(104);
  bytes.writeUInt32LE(cap, 0);
  bytes.writeUInt32LE(flags, 4);
  bytes.writeBigUInt64LE(arg, 8);
  return bytes;
}

/** struct kvm_ioeventfd; `fd` is the descriptor. */
export function ioeventfdStruct({ datamatch, addr, len, fd, flags }: IoeventfdArgs): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.writeBigUInt64LE(datamatch, 0);
  bytes.writeBigUInt64LE(addr, 8);
  bytes.writeUInt32LE(len, 16);
  bytes.writeInt32LE(fd, 20);
  bytes.writeUInt32LE(flags, 24);
  return bytes;
}

/** struct kvm_coalesced_mmio_zone */
export function coalescedZone({ addr, size, pio }: CoalescedZoneArgs): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(BigInt(addr), 0);
  bytes.writeUInt32LE(size, 8);
  bytes.writeUInt32LE(pio, 12);
  return bytes;
}

/** Two pages after kvm_run. */
const COALESCED_RING = 2 * 4096;
const COALESCED_MAX = 170;

/** Takes the entries of struct kvm_coalesced_mmio_ring out. */
export function takeCoalescedFrom(run: Buffer): Coalesced[] {
  const ring = run.subarray(COALESCED_RING);
  const last = ring.readUInt32LE(4);
  const taken: Coalesced[] = [];
  for (let i = ring.readUInt32LE(0); i !== last; i = (i + 1) % COALESCED_MAX) {
    const entry = ring.subarray(8 + 24 * i);
    const len = entry.readUInt32LE(8);
    const data = littleEndian(entry.subarray(16, 16 + len));
    taken.push({ addr: Number(entry.readBigUInt64LE(0)), len, pio: entry.readUInt32LE(12), data });
  }
  ring.writeUInt32LE(last, 0);
  return taken;
}

const ORDER = ['ax', 'bx', 'cx', 'dx', 'si', 'di', 'sp', 'bp'] as const;
const RIP = 128;
const RFLAGS = 136;

/** struct kvm_regs: sixteen registers, rip, rflags. */
export function regs(registers: Registers): Buffer {
  const bytes = Buffer.alloc(REGS);
  ORDER.forEach((name, i) => {
    bytes.writeBigUInt64LE(BigInt(registers[name]), 8 * i);
  });
  bytes.writeBigUInt64LE(BigInt(registers.ip), RIP);
  // Bit 1 is always set.
  bytes.writeBigUInt64LE(BigInt(registers.flags | 2), RFLAGS);
  return bytes;
}

/** Offsets in struct kvm_sregs of a struct kvm_segment: base, limit, selector. */
const SEGMENTS = { cs: 0, ds: 24, es: 48, ss: 120 } as const;

/** Puts the segments of real mode into a struct kvm_sregs that the kernel filled in. */
export function setSegments(sregs: Buffer, registers: Registers): void {
  for (const name of ['cs', 'ds', 'es', 'ss'] as const) {
    sregs.writeBigUInt64LE(BigInt(registers[name] * 16), SEGMENTS[name]);
    sregs.writeUInt32LE(0xffff, SEGMENTS[name] + 8);
    sregs.writeUInt16LE(registers[name], SEGMENTS[name] + 12);
  }
}

export function readRegisters(general: Buffer, sregs: Buffer): Registers {
  const word = (i: number) => Number(general.readBigUInt64LE(8 * i));
  const selector = (name: keyof typeof SEGMENTS) => sregs.readUInt16LE(SEGMENTS[name] + 12);
  const [ax, bx, cx, dx, si, di, sp, bp] = ORDER.map((_, i) => word(i)) as unknown as Eight;
  const flags = Number(general.readBigUInt64LE(RFLAGS)) & FLAGS;
  const segments = { cs: selector('cs'), ds: selector('ds'), es: selector('es'), ss: selector('ss') };
  return { ax, bx, cx, dx, si, di, sp, bp, ip: word(RIP / 8), flags, ...segments };
}

export const emptyRegs = (): Buffer => Buffer.alloc(REGS);
export const emptySregs = (): Buffer => Buffer.alloc(SREGS);

/** struct kvm_run: what user space writes, and where the exit begins. */
export const Run = {
  IMMEDIATE_EXIT: 1,
  EXIT_REASON: 8,
  MMIO_DATA: 40,
  IO_SIZE: 33,
  IO_DATA_OFFSET: 40,
} as const;
const Reason = { IO: 2, HLT: 5, MMIO: 6, INTERNAL_ERROR: 17 } as const;

/** Reads the exit out of kvm_run and the pages after it. */
export function exitOf(run: Buffer): Exit {
  const number = run.readUInt32LE(Run.EXIT_REASON);
  switch (number) {
    case Reason.HLT:
      return { reason: 'HLT' };
    case Reason.IO: {
      const size = run.readUInt8(Run.IO_SIZE);
      const at = Number(run.readBigUInt64LE(Run.IO_DATA_OFFSET));
      return {
        reason: 'IO',
        out: run.readUInt8(32) === 1,
        size,
        port: run.readUInt16LE(34),
        count: run.readUInt32LE(36),
        data: littleEndian(run.subarray(at, at + size)),
      };
    }
    case Reason.MMIO: {
      const len = run.readUInt32LE(48);
      return {
        reason: 'MMIO',
        physAddr: run.readBigUInt64LE(32),
        len,
        isWrite: run.readUInt8(52) !== 0,
        data: littleEndian(run.subarray(Run.MMIO_DATA, Run.MMIO_DATA + Math.min(len, 8))),
      };
    }
    case Reason.INTERNAL_ERROR:
      return { reason: 'INTERNAL_ERROR', suberror: run.readUInt32LE(32) };
    default:
      return { reason: 'OTHER', number };
  }
}

/** Where user space puts what it read for the guest. */
export function answerTo(run: Buffer, value: bigint): void {
  const io = run.readUInt32LE(Run.EXIT_REASON) === Reason.IO;
  const at = io ? Number(run.readBigUInt64LE(Run.IO_DATA_OFFSET)) : Run.MMIO_DATA;
  const len = io ? run.readUInt8(Run.IO_SIZE) : 8;
  for (let i = 0; i < len; i++) run.writeUInt8(Number((value >> BigInt(8 * i)) & 0xffn), at + i);
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
