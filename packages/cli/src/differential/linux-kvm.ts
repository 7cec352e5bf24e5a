/** The client over Linux's /dev/kvm. The calls go through koffi, which is optional: without it nothing is compared. */
import { closeSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import type { ClearDirtyLog, CoalescedZoneArgs, EnableCap, IoeventfdArgs } from '@faultline/kvm';
import {
  answerTo,
  clearLog,
  coalescedZone,
  dirtyLog,
  emptyRegs,
  emptySregs,
  enableCapStruct,
  exitOf,
  Ioctl,
  ioeventfdStruct,
  KVM_API_VERSION,
  memoryRegion,
  Run,
  readRegisters,
  regs,
  setSegments,
  takeCoalescedFrom,
} from './abi.ts';
import {
  type Coalesced,
  EVENTFDS,
  type Exit,
  type KvmClient,
  MEMORY_PAGES,
  PAGE,
  type Region,
  type Registers,
  type VcpuClient,
  type VmClient,
} from './client.ts';

/** The device cannot be used; the message says why. */
export class NoKvm extends Error {}

/** Bytes of the largest bitmap that a slot here may have. */
const BITMAP_BYTES = 65_536;
const EFD_NONBLOCK = 0o4000;
const NO_FILE = -1;
/** A guest that runs so long does not end. */
const GUEST_SECONDS = 20;

interface Libc {
  ioctl(fd: number, request: number, argument: Buffer): number;
  ioctlNumber(fd: number, request: number, argument: bigint): number;
  mmap(addr: bigint, length: number, prot: number, flags: number, fd: number, offset: number): unknown;
  munmap(addr: unknown, length: number): number;
  eventfd(initial: number, flags: number): number;
  alarm(seconds: number): number;
  errno(): number;
  address(pointer: unknown): bigint;
  view(pointer: unknown, length: number): ArrayBuffer;
}

/** Opens the device; `root` is that of the project. Throws NoKvm with the reason if it is not there, or may not be used. */
export function openLinuxKvm(root: string, device = '/dev/kvm'): LinuxKvm {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new NoKvm(`${process.platform} on ${process.arch}; what it is compared with is Linux on x64`);
  }
  let fd: number;
  try {
    fd = openSync(device, 'r+');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new NoKvm(
      code === 'ENOENT'
        ? `${device} does not exist: no virtualization, or its module is not loaded`
        : `${device} cannot be opened (${code}): this user may not, or the hardware is taken`,
    );
  }
  try {
    return new LinuxKvm(loadLibc(root), fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** From where it is installed, not from where a bundle of this is kept. */
function loadLibc(root: string): Libc {
  let koffi: typeof import('koffi');
  try {
    koffi = createRequire(path.join(root, 'packages/cli/package.json'))('koffi');
  } catch (error) {
    const why = (error as Error).message.split('\n', 1)[0];
    throw new NoKvm(`the package koffi, by which ioctl is called, is not there (npm install koffi): ${why}`);
  }
  const lib = koffi.load(null);
  const mmap = ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64'];
  return {
    ioctl: lib.func('ioctl', 'int', ['int', 'ulong', 'void *']) as Libc['ioctl'],
    ioctlNumber: lib.func('ioctl', 'int', ['int', 'ulong', 'uintptr_t']) as Libc['ioctlNumber'],
    mmap: lib.func('mmap', 'void *', mmap) as Libc['mmap'],
    munmap: lib.func('munmap', 'int', ['void *', 'size_t']) as Libc['munmap'],
    eventfd: lib.func('eventfd', 'int', ['uint', 'int']) as Libc['eventfd'],
    alarm: lib.func('alarm', 'uint', ['uint']) as Libc['alarm'],
    errno: () => koffi.errno(),
    address: (pointer) => koffi.address(pointer),
    view: (pointer, length) => koffi.view(pointer, length),
  };
}

/** Memory of this process that the kernel may write while we look. */
class Mapping {
  readonly bytes: Buffer;
  readonly address: bigint;
  private readonly pointer: unknown;

  /** `fd` -1: anonymous memory. */
  constructor(
    private readonly libc: Libc,
    private readonly length: number,
    fd: number,
  ) {
    const [PROT_READ_WRITE, MAP_SHARED, MAP_ANONYMOUS] = [3, 1, 0x20];
    const flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
    this.pointer = libc.mmap(0n, length, PROT_READ_WRITE, flags, fd, 0);
    this.address = libc.address(this.pointer);
    if (BigInt.asIntN(64, this.address) === -1n) throw new Error(`mmap: errno ${libc.errno()}`);
    this.bytes = Buffer.from(libc.view(this.pointer, length));
  }

  unmap(): void {
    this.libc.munmap(this.pointer, this.length);
  }
}

export class LinuxKvm implements KvmClient {
  readonly name = `Linux ${os.release()}`;
  private readonly runSize: number;
  /** One for all VMs: a VM is closed before the next begins. */
  private readonly memory: Mapping;
  private readonly bitmap: Mapping;

  constructor(
    private readonly libc: Libc,
    private readonly fd: number,
  ) {
    const version = libc.ioctlNumber(fd, Ioctl.GET_API_VERSION, 0n);
    if (version !== KVM_API_VERSION)
      throw new NoKvm(`its API has version ${version}, not ${KVM_API_VERSION}`);
    this.runSize = libc.ioctlNumber(fd, Ioctl.GET_VCPU_MMAP_SIZE, 0n);
    this.memory = new Mapping(libc, MEMORY_PAGES * PAGE, -1);
    this.bitmap = new Mapping(libc, BITMAP_BYTES, -1);
    // A guest that does not end is interrupted: KVM_RUN returns -EINTR.
    process.on('SIGALRM', ignore);
  }

  createVm(): VmClient {
    const fd = this.libc.ioctlNumber(this.fd, Ioctl.CREATE_VM, 0n);
    if (fd < 0) throw new NoKvm(`KVM_CREATE_VM: errno ${this.libc.errno()}`);
    this.memory.bytes.fill(0);
    return new LinuxVm(this.libc, fd, this.memory, this.bitmap, this.runSize);
  }

  close(): void {
    process.off('SIGALRM', ignore);
    this.memory.unmap();
    this.bitmap.unmap();
    closeSync(this.fd);
  }
}

function ignore(): void {}

class LinuxVm implements VmClient {
  readonly memory: Uint8Array;
  readonly vcpus: LinuxVcpu[] = [];
  private readonly eventfds: number[] = [];

  constructor(
    private readonly libc: Libc,
    private readonly fd: number,
    private readonly mapping: Mapping,
    private readonly bitmap: Mapping,
    private readonly runSize: number,
  ) {
    this.memory = mapping.bytes;
    for (let i = 0; i < EVENTFDS; i++) this.eventfds.push(libc.eventfd(0, EFD_NONBLOCK));
  }

  private call(request: number, argument: Buffer): number {
    return this.libc.ioctl(this.fd, request, argument) < 0 ? -this.libc.errno() : 0;
  }

  private callNumber(request: number, argument: bigint): number {
    const result = this.libc.ioctlNumber(this.fd, request, BigInt.asUintN(64, argument));
    return result < 0 ? -this.libc.errno() : result;
  }

  checkExtension(cap: number): number {
    return this.callNumber(Ioctl.CHECK_EXTENSION, BigInt(cap));
  }

  enableCap(cap: EnableCap): number {
    return this.call(Ioctl.ENABLE_CAP, enableCapStruct(cap));
  }

  setUserMemoryRegion({ slot, flags, guestPhysAddr, memorySize, userspaceAddr, inMemory }: Region): number {
    const address = inMemory ? this.mapping.address + userspaceAddr : userspaceAddr;
    return this.call(
      Ioctl.SET_USER_MEMORY_REGION,
      memoryRegion(slot, flags, guestPhysAddr, memorySize, address),
    );
  }

  getDirtyLog(slot: number): number[] | number {
    this.bitmap.bytes.fill(0);
    const result = this.call(Ioctl.GET_DIRTY_LOG, dirtyLog(slot, this.bitmap.address));
    return result < 0 ? result : wordsOf(this.bitmap.bytes);
  }

  clearDirtyLog(log: ClearDirtyLog): number {
    const { address, bytes } = this.bitmap;
    bytes.fill(0);
    log.bitmap.forEach((word, i) => {
      bytes.writeUInt32LE(word >>> 0, 4 * i);
    });
    return this.call(Ioctl.CLEAR_DIRTY_LOG, clearLog(log, address));
  }

  resetDirtyRings(): number {
    return this.callNumber(Ioctl.RESET_DIRTY_RINGS, 0n);
  }

  setTssAddr(addr: bigint): number {
    return this.callNumber(Ioctl.SET_TSS_ADDR, addr);
  }

  setIdentityMapAddr(addr: bigint): number {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(addr);
    return this.call(Ioctl.SET_IDENTITY_MAP_ADDR, bytes);
  }

  ioeventfd(args: IoeventfdArgs): number {
    const fds = [...this.eventfds, this.fd];
    return this.call(Ioctl.IOEVENTFD, ioeventfdStruct({ ...args, fd: fds[args.fd] ?? NO_FILE }));
  }

  readEventfd(fd: number): number {
    const count = Buffer.alloc(8);
    try {
      readSync(this.eventfds[fd] as number, count);
    } catch (error) {
      // Nothing was signalled.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    return Number(count.readBigUInt64LE());
  }

  registerCoalesced(zone: CoalescedZoneArgs): number {
    return this.call(Ioctl.REGISTER_COALESCED_MMIO, coalescedZone(zone));
  }

  unregisterCoalesced(zone: CoalescedZoneArgs): number {
    return this.call(Ioctl.UNREGISTER_COALESCED_MMIO, coalescedZone(zone));
  }

  takeCoalesced(): Coalesced[] {
    return this.vcpus[0]?.takeCoalesced() ?? [];
  }

  createVcpu(id: number): number {
    const fd = this.callNumber(Ioctl.CREATE_VCPU, BigInt(id));
    if (fd < 0) return fd;
    this.vcpus.push(new LinuxVcpu(this.libc, fd, this.runSize));
    return 0;
  }

  close(): void {
    for (const vcpu of this.vcpus) vcpu.close();
    for (const fd of this.eventfds) closeSync(fd);
    closeSync(this.fd);
  }
}

class LinuxVcpu implements VcpuClient {
  private readonly mapped: Mapping;

  constructor(
    private readonly libc: Libc,
    private readonly fd: number,
    runSize: number,
  ) {
    this.mapped = new Mapping(libc, runSize, fd);
  }

  private call(request: number, bytes: Buffer): Buffer {
    if (this.libc.ioctl(this.fd, request, bytes) < 0) {
      throw new Error(`ioctl ${request.toString(16)} of a vCPU: errno ${this.libc.errno()}`);
    }
    return bytes;
  }

  setRegisters(registers: Registers): void {
    const sregs = this.call(Ioctl.GET_SREGS, emptySregs());
    setSegments(sregs, registers);
    this.call(Ioctl.SET_SREGS, sregs);
    this.call(Ioctl.SET_REGS, regs(registers));
  }

  registers(): Registers {
    return readRegisters(this.call(Ioctl.GET_REGS, emptyRegs()), this.call(Ioctl.GET_SREGS, emptySregs()));
  }

  takeCoalesced(): Coalesced[] {
    return takeCoalescedFrom(this.mapped.bytes);
  }

  setImmediateExit(on: boolean): void {
    this.mapped.bytes.writeUInt8(on ? 1 : 0, Run.IMMEDIATE_EXIT);
  }

  run(): number {
    this.libc.alarm(GUEST_SECONDS);
    const result = this.libc.ioctlNumber(this.fd, Ioctl.RUN, 0n);
    const errno = this.libc.errno();
    this.libc.alarm(0);
    return result < 0 ? -errno : result;
  }

  exit(): Exit {
    return exitOf(this.mapped.bytes);
  }

  answer(value: bigint): void {
    answerTo(this.mapped.bytes, value);
  }

  close(): void {
    this.mapped.unmap();
    closeSync(this.fd);
  }
}

/** Words of 32 bits, without zeros at the end. */
function wordsOf(bitmap: Buffer): number[] {
  const words: number[] = [];
  for (let i = 0; i < bitmap.length; i += 4) words.push(bitmap.readUInt32LE(i));
  while (words.at(-1) === 0) words.pop();
  return words;
}
