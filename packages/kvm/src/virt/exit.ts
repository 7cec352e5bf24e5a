/** What a vCPU tells user space when KVM_RUN returns 0. */
import type { KvmRun } from './kvm.ts';

/** @kernel KVM_EXIT_* include/uapi/linux/kvm.h */
export const KvmExit = {
  UNKNOWN: 0,
  IO: 2,
  HLT: 5,
  MMIO: 6,
  INTERNAL_ERROR: 17,
  DIRTY_RING_FULL: 31,
  XEN: 34,
} as const;
/** @kernel KVM_EXIT_IO_IN, KVM_EXIT_IO_OUT include/uapi/linux/kvm.h */
export const IoDirection = { IN: 0, OUT: 1 } as const;

/** Members of the union of kvm_run, by their offset in the structure less that of the union. */
const MMIO = { physAddr: 0, data: 8, len: 16, isWrite: 20 } as const;
const IO = { direction: 0, size: 1, port: 2, count: 4, dataOffset: 8 } as const;
/** Where the data of a port access stand: a page after kvm_run on real hardware, the end of the union here. */
const PIO_DATA = 248;

/** KVM_EXIT_MMIO: `len` bytes at `physAddr`; for a read, user space fills in the data. */
export function exitMmio(run: KvmRun, physAddr: number, len: number, isWrite: boolean, value: bigint): void {
  run.exitReason = KvmExit.MMIO;
  store(run, MMIO.physAddr, 8, BigInt(physAddr));
  store(run, MMIO.data, 8, value);
  store(run, MMIO.len, 4, BigInt(len));
  store(run, MMIO.isWrite, 1, isWrite ? 1n : 0n);
}

export interface MmioExit {
  readonly physAddr: number;
  readonly len: number;
  readonly isWrite: boolean;
  readonly data: bigint;
}

/** Reads the exit as user space does. */
export function mmioExit(run: KvmRun): MmioExit {
  return {
    physAddr: Number(load(run, MMIO.physAddr, 8)),
    len: Number(load(run, MMIO.len, 4)),
    isWrite: load(run, MMIO.isWrite, 1) === 1n,
    data: load(run, MMIO.data, 8),
  };
}

/** User space answers an MMIO read; it is consumed by the next KVM_RUN. */
export function answerMmio(run: KvmRun, value: bigint): void {
  store(run, MMIO.data, 8, value);
}

/** KVM_EXIT_IO: one access of `size` bytes to a port. */
export function exitIo(run: KvmRun, direction: number, size: number, port: number, value: bigint): void {
  run.exitReason = KvmExit.IO;
  store(run, IO.direction, 1, BigInt(direction));
  store(run, IO.size, 1, BigInt(size));
  store(run, IO.port, 2, BigInt(port));
  store(run, IO.count, 4, 1n);
  store(run, IO.dataOffset, 8, BigInt(32 + PIO_DATA));
  store(run, PIO_DATA, 8, value);
}

export interface IoExit {
  readonly direction: number;
  readonly size: number;
  readonly port: number;
  readonly data: bigint;
}

export function ioExit(run: KvmRun): IoExit {
  return {
    direction: Number(load(run, IO.direction, 1)),
    size: Number(load(run, IO.size, 1)),
    port: Number(load(run, IO.port, 2)),
    data: load(run, PIO_DATA, 8),
  };
}

export function answerIo(run: KvmRun, value: bigint): void {
  store(run, PIO_DATA, 8, value);
}

function store(run: KvmRun, offset: number, bytes: number, value: bigint): void {
  for (let i = 0; i < bytes; i++) run.union.set(offset + i, Number((value >> BigInt(8 * i)) & 0xffn));
}

function load(run: KvmRun, offset: number, bytes: number): bigint {
  let value = 0n;
  for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(run.union.get(offset + i));
  return value;
}
