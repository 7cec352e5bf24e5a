/** Goal: the kernel finds each field where it looks for it. Numbers and offsets are those of the kernel's headers, written out. */
import { expect, test } from 'vitest';
import {
  answerTo,
  clearLog,
  coalescedZone,
  dirtyLog,
  emptySregs,
  enableCapStruct,
  exitOf,
  Ioctl,
  ioeventfdStruct,
  memoryRegion,
  readRegisters,
  regs,
  setSegments,
  takeCoalescedFrom,
} from './abi.ts';
import { NO_REGISTERS } from './client.ts';

const hexOf = (bytes: Buffer) => bytes.toString('hex').replace(/(.{16})(?=.)/g, '$1 ');

test('ioctls have the numbers that the header gives them', () => {
  expect(Object.fromEntries(Object.entries(Ioctl).map(([name, n]) => [name, n.toString(16)]))).toEqual({
    GET_API_VERSION: 'ae00',
    CREATE_VM: 'ae01',
    CHECK_EXTENSION: 'ae03',
    GET_VCPU_MMAP_SIZE: 'ae04',
    CREATE_VCPU: 'ae41',
    GET_DIRTY_LOG: '4010ae42',
    SET_USER_MEMORY_REGION: '4020ae46',
    SET_TSS_ADDR: 'ae47',
    SET_IDENTITY_MAP_ADDR: '4008ae48',
    REGISTER_COALESCED_MMIO: '4010ae67',
    UNREGISTER_COALESCED_MMIO: '4010ae68',
    IOEVENTFD: '4040ae79',
    ENABLE_CAP: '4068aea3',
    CLEAR_DIRTY_LOG: 'c018aec0',
    RESET_DIRTY_RINGS: 'aec7',
    RUN: 'ae80',
    GET_REGS: '8090ae81',
    SET_REGS: '4090ae82',
    GET_SREGS: '8138ae83',
    SET_SREGS: '4138ae84',
  });
});

test('struct kvm_userspace_memory_region', () => {
  expect(hexOf(memoryRegion(0x0001_0002, 3, 0x1000n, 0x2000n, 0x7f00_0000_3000n))).toBe(
    '0200010003000000 0010000000000000 0020000000000000 00300000007f0000',
  );
});

test('struct kvm_dirty_log and struct kvm_clear_dirty_log', () => {
  expect(hexOf(dirtyLog(5, 0x1234n))).toBe('0500000000000000 3412000000000000');
  const log = { slot: 5, firstPage: 64, numPages: 70, bitmap: [] };
  expect(hexOf(clearLog(log, 0x1234n))).toBe('0500000046000000 4000000000000000 3412000000000000');
});

test('struct kvm_enable_cap', () => {
  const bytes = enableCapStruct({ cap: 168, flags: 1, arg: 3n });
  expect(bytes.length).toBe(104);
  expect(hexOf(bytes.subarray(0, 16))).toBe('a800000001000000 0300000000000000');
  expect(bytes.subarray(16).every((byte) => byte === 0)).toBe(true);
});

test('struct kvm_ioeventfd and struct kvm_coalesced_mmio_zone', () => {
  const ioeventfd = ioeventfdStruct({ datamatch: 7n, addr: 0x3f8n, len: 4, fd: -1, flags: 3 });
  expect(ioeventfd.length).toBe(64);
  expect(hexOf(ioeventfd.subarray(0, 32))).toBe(
    '0700000000000000 f803000000000000 04000000ffffffff 0300000000000000',
  );
  expect(hexOf(coalescedZone({ addr: 0x1000, size: 8, pio: 1 }))).toBe('0010000000000000 0800000001000000');
});

test('the ring of coalesced accesses is the third page of a vCPU: what is taken is gone', () => {
  const run = Buffer.alloc(3 * 4096);
  const ring = run.subarray(8192);
  // From the last entry of the page around to the first.
  ring.writeUInt32LE(169, 0);
  ring.writeUInt32LE(1, 4);
  ring.writeBigUInt64LE(0x3f8n, 8 + 24 * 169);
  ring.writeUInt32LE(1, 8 + 24 * 169 + 8);
  ring.writeUInt32LE(1, 8 + 24 * 169 + 12);
  ring.writeUInt8(0x5a, 8 + 24 * 169 + 16);
  ring.writeBigUInt64LE(0x9000n, 8);
  ring.writeUInt32LE(2, 16);
  ring.writeUInt16LE(0x1234, 24);
  expect(takeCoalescedFrom(run)).toEqual([
    { addr: 0x3f8, len: 1, pio: 1, data: 0x5an },
    { addr: 0x9000, len: 2, pio: 0, data: 0x1234n },
  ]);
  expect(takeCoalescedFrom(run)).toEqual([]);
});

test('registers and segments come back as they were set', () => {
  const registers = {
    ...{ ax: 1, bx: 2, cx: 3, dx: 4, si: 5, di: 6, sp: 7, bp: 8, ip: 9, flags: 0x801 },
    ...{ cs: 0xe000, ds: 0x10, es: 0x20, ss: 0x30 },
  };
  const sregs = emptySregs();
  setSegments(sregs, registers);
  expect(readRegisters(regs(registers), sregs)).toEqual(registers);
  expect(sregs.readBigUInt64LE(0)).toBe(0xe_0000n);
  // rflags always has bit 1.
  expect(regs(NO_REGISTERS).readBigUInt64LE(136)).toBe(2n);
});

test('an exit is read at its offsets in kvm_run, and answered where the kernel looks', () => {
  const run = Buffer.alloc(8192);
  run.writeUInt32LE(2, 8);
  Buffer.from([0, 2, 0x60, 0, 1, 0, 0, 0, 0, 0x10]).copy(run, 32);
  answerTo(run, 0xbeefn);
  expect(run.readUInt16LE(4096)).toBe(0xbeef);
  expect(exitOf(run)).toEqual({ reason: 'IO', out: false, size: 2, port: 0x60, count: 1, data: 0xbeefn });

  run.fill(0).writeUInt32LE(6, 8);
  run.writeBigUInt64LE(0x9000n, 32);
  run.writeUInt16LE(0x1234, 40);
  run.writeUInt32LE(2, 48);
  run.writeUInt8(1, 52);
  expect(exitOf(run)).toEqual({ reason: 'MMIO', physAddr: 0x9000n, len: 2, isWrite: true, data: 0x1234n });
  answerTo(run, 0x55n);
  expect(run.readUInt8(40)).toBe(0x55);

  run.writeUInt32LE(5, 8);
  expect(exitOf(run)).toEqual({ reason: 'HLT' });
  run.writeUInt32LE(17, 8);
  expect(exitOf(run)).toMatchObject({ reason: 'INTERNAL_ERROR' });
  run.writeUInt32LE(31, 8);
  expect(exitOf(run)).toEqual({ reason: 'OTHER', number: 31 });
});
