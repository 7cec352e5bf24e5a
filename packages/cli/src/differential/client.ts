/**
 * What a VMM sees of KVM, whoever it is: Linux behind /dev/kvm, or ours. Results are as the kernel has them: 0 or more, or
 * a negative errno.
 */
import type { ClearDirtyLog, CoalescedZoneArgs, EnableCap, IoeventfdArgs } from '@faultline/kvm';

/** Pages of the memory that each VMM sets aside for its guest. */
export const MEMORY_PAGES = 96;
export const PAGE = 4096;

export interface KvmClient {
  /** 'Linux 6.18.44', 'Faultline'. */
  readonly name: string;
  /** A VM without slots and vCPUs. Ours has one at a time. */
  createVm(): VmClient;
}

export interface Region {
  readonly slot: number;
  readonly flags: number;
  readonly guestPhysAddr: bigint;
  readonly memorySize: bigint;
  /** An address, or an offset into the memory of the VMM. */
  readonly userspaceAddr: bigint;
  readonly inMemory: boolean;
}

/** A call that does not return, and never would. */
export class NeverReturns extends Error {
  override name = 'NeverReturns';
}

export interface VmClient {
  /** MEMORY_PAGES pages. */
  readonly memory: Uint8Array;
  checkExtension(cap: number): number;
  enableCap(cap: EnableCap): number;
  setUserMemoryRegion(region: Region): number;
  /** Bits of the pages, 32 a word, without zeros at the end; or a negative errno. */
  getDirtyLog(slot: number): number[] | number;
  clearDirtyLog(log: ClearDirtyLog): number;
  resetDirtyRings(): number;
  setTssAddr(addr: bigint): number;
  setIdentityMapAddr(addr: bigint): number;
  /** `fd`: 0 or 1 for an eventfd of this VM; see `Fd` for what else there is. */
  ioeventfd(args: IoeventfdArgs): number;
  /** What the eventfd has counted since it was read last. */
  readEventfd(fd: number): number;
  registerCoalesced(zone: CoalescedZoneArgs): number;
  unregisterCoalesced(zone: CoalescedZoneArgs): number;
  /** Takes what is in the ring of coalesced accesses; there is one if there is a vCPU. */
  takeCoalesced(): Coalesced[];
  /** 0 for a file descriptor; the vCPU is the next of `vcpus`. */
  createVcpu(id: number): number;
  readonly vcpus: readonly VcpuClient[];
  /** Ours only: pages of the memory that the guest has read or executed. */
  readonly read?: ReadonlySet<number>;
  /** Ends the VM and gives everything back. */
  close(): void;
}

/** What a call may take for a descriptor of an eventfd: two that are, a file that is none, and nothing. */
export const EVENTFDS = 2;
export const Fd = { ANOTHER_FILE: 2, NONE: 3 } as const;

/** A write that was batched. */
export interface Coalesced {
  readonly addr: number;
  readonly len: number;
  readonly pio: number;
  readonly data: bigint;
}

/** The eight general registers, in the order that the place has. */
export type Eight = readonly [number, number, number, number, number, number, number, number];

/** Registers of real mode; a segment is its selector, its base 16 times that. */
export interface Registers {
  readonly ax: number;
  readonly bx: number;
  readonly cx: number;
  readonly dx: number;
  readonly si: number;
  readonly di: number;
  readonly sp: number;
  readonly bp: number;
  readonly ip: number;
  /** Carry, parity, adjust, zero, sign, direction, overflow. */
  readonly flags: number;
  readonly cs: number;
  readonly ds: number;
  readonly es: number;
  readonly ss: number;
}

/** Bits of rflags that guests here change. */
export const FLAGS = 0xcd5;

/** kvm_run, as far as the reason says that it means something. */
export type Exit =
  | {
      readonly reason: 'IO';
      readonly out: boolean;
      readonly size: number;
      readonly port: number;
      readonly count: number;
      readonly data: bigint;
    }
  | {
      readonly reason: 'MMIO';
      readonly physAddr: bigint;
      readonly len: number;
      readonly isWrite: boolean;
      readonly data: bigint;
    }
  | { readonly reason: 'HLT' }
  | { readonly reason: 'INTERNAL_ERROR'; readonly suberror: number }
  | { readonly reason: 'OTHER'; readonly number: number };

export interface VcpuClient {
  setRegisters(registers: Registers): void;
  registers(): Registers;
  setImmediateExit(on: boolean): void;
  /** KVM_RUN. */
  run(): number;
  exit(): Exit;
  /** What user space read for the guest, at a port or by MMIO; consumed by the next run. */
  answer(value: bigint): void;
}

export const NO_REGISTERS: Registers = {
  ax: 0,
  bx: 0,
  cx: 0,
  dx: 0,
  si: 0,
  di: 0,
  sp: 0,
  bp: 0,
  ip: 0,
  flags: 0,
  cs: 0,
  ds: 0,
  es: 0,
  ss: 0,
};
