import { beforeEach, expect, test } from 'vitest';
import { EINTR, EINVAL, EIO } from '../errno.ts';
import { assemble, type Instruction } from '../hw/guest-program.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { PAGE_SIZE } from '../types.ts';
import { createVcpu } from './create-vcpu.ts';
import { createVm, type VmOptions } from './create-vm.ts';
import { answerIo, answerMmio, IoDirection, ioExit, KvmExit, mmioExit } from './exit.ts';
import { type Kvm, KvmRun, type Vcpu } from './kvm.ts';
import { setUserMemoryRegion } from './memory-region.ts';
import { KVM_MEM_READONLY } from './memslots.ts';
import { vcpuRun } from './vcpu-run.ts';

let kvm: Kvm;
let vcpu: Vcpu;

beforeEach(() => {
  freshArena(1 << 20);
  kvm = runAlone(createVm({ form: 'modern' }));
  vcpu = runAlone(createVcpu(kvm, 0)) as Vcpu;
});

const guest = (...program: Instruction[]) => {
  vcpu.program = assemble(program);
};
const run = () => runAlone(vcpuRun(vcpu));

test('kvm_run has exit_reason at 8, cr8 at 16, the union at 32', () => {
  const at = (name: string) => KvmRun.fields.find((f) => f.name === name)?.offset;
  expect(['immediate_exit', 'exit_reason', 'if_flag', 'flags', 'cr8', 'apic_base', 'union'].map(at)).toEqual([
    1, 8, 13, 14, 16, 24, 32,
  ]);
});

test('memory is read and written without an exit; HLT exits', () => {
  runAlone(
    setUserMemoryRegion(kvm, {
      slot: 0,
      flags: 0,
      guestPhysAddr: 0n,
      memorySize: 4096n,
      userspaceAddr: 4096n,
    }),
  );
  guest({ op: 'store', gpa: 0, value: 0xfeedn }, { op: 'load', gpa: 0 }, { op: 'hlt' });
  expect([run(), vcpu.run.exitReason, vcpu.rax]).toEqual([0, KvmExit.HLT, 0xfeedn]);
  expect(kvm.memory?.content.at(1).peek()).toBe(0xfeedn);
});

test('a load from nowhere exits for MMIO, and takes its value from user space', () => {
  guest({ op: 'load', gpa: 0x1008, size: 4 }, { op: 'hlt' });
  expect([run(), vcpu.run.exitReason]).toEqual([0, KvmExit.MMIO]);
  expect(mmioExit(vcpu.run)).toMatchObject({ physAddr: 0x1008, len: 4, isWrite: false });
  answerMmio(vcpu.run, 0x1234n);
  expect([run(), vcpu.run.exitReason, vcpu.rax]).toEqual([0, KvmExit.HLT, 0x1234n]);
});

test('a store across a page boundary is two exits of four bytes', () => {
  guest({ op: 'store', gpa: 2 * PAGE_SIZE - 4, value: 0x1111_1111_2222_2222n }, { op: 'hlt' });
  run();
  expect(mmioExit(vcpu.run)).toEqual({ physAddr: 8188, len: 4, isWrite: true, data: 0x2222_2222n });
  run();
  expect(mmioExit(vcpu.run)).toEqual({ physAddr: 8192, len: 4, isWrite: true, data: 0x1111_1111n });
  run();
  expect(vcpu.run.exitReason).toBe(KvmExit.HLT);
});

test.each<VmOptions>([{}, { mmu: { pages: 4, frames: 4, indexBits: 2 } }])(
  'a store to memory that is read-only exits for MMIO each time; a load reads it: %o',
  (options) => {
    kvm = runAlone(createVm(options));
    vcpu = runAlone(createVcpu(kvm, 0)) as Vcpu;
    const region = { slot: 0, flags: KVM_MEM_READONLY, guestPhysAddr: 0n, userspaceAddr: 0n };
    expect(runAlone(setUserMemoryRegion(kvm, { ...region, memorySize: 4096n }))).toBe(0);
    guest(
      { op: 'store', gpa: 8, value: 5n, size: 1 },
      { op: 'load', gpa: 0 },
      { op: 'store', gpa: 8, value: 6n, size: 1 },
      { op: 'hlt' },
    );
    for (const data of [5n, 6n]) {
      expect([run(), vcpu.run.exitReason]).toEqual([0, KvmExit.MMIO]);
      expect(mmioExit(vcpu.run)).toEqual({ physAddr: 8, len: 1, isWrite: true, data });
    }
    expect([run(), vcpu.run.exitReason, vcpu.rax]).toEqual([0, KvmExit.HLT, 0n]);
  },
);

test('port accesses that no device takes exit for IO', () => {
  guest({ op: 'out', port: 0x3f8, value: 65n, size: 1 }, { op: 'in', port: 0x60, size: 1 }, { op: 'hlt' });
  run();
  expect([vcpu.run.exitReason, ioExit(vcpu.run)]).toEqual([
    KvmExit.IO,
    { direction: IoDirection.OUT, size: 1, port: 0x3f8, data: 65n },
  ]);
  run();
  expect(ioExit(vcpu.run)).toMatchObject({ direction: IoDirection.IN, port: 0x60 });
  answerIo(vcpu.run, 9n);
  run();
  expect(vcpu.rax).toBe(9n);
});

test('immediate_exit returns -EINTR without running the guest; a bad argument -EINVAL; another mm -EIO', () => {
  guest({ op: 'store', gpa: 0, value: 1n });
  vcpu.run.immediateExit = 1;
  expect(run()).toBe(-EINTR);
  expect(vcpu.rip).toBe(0);
  expect(runAlone(vcpuRun(vcpu, 1))).toBe(-EINVAL);
  expect(runAlone(vcpuRun(vcpu, 0, 2))).toBe(-EIO);
});

test('an address that no page table can hold exits for MMIO each time, and touches nothing else', () => {
  guest({ op: 'load', gpa: 0x8000 }, { op: 'store', gpa: 0x7fff_f000, value: 1n }, { op: 'hlt' });
  expect([run(), mmioExit(vcpu.run).physAddr]).toEqual([0, 0x8000]);
  expect([run(), mmioExit(vcpu.run).physAddr]).toEqual([0, 0x7fff_f000]);
  expect([run(), vcpu.run.exitReason]).toEqual([0, KvmExit.HLT]);
});

test('vCPU ids are unique and bounded, and so is their number', () => {
  expect(runAlone(createVcpu(kvm, 0))).toBe(-17);
  expect(runAlone(createVcpu(kvm, 4096))).toBe(-EINVAL);
  for (let id = 1; id < 8; id++) expect(typeof runAlone(createVcpu(kvm, id))).toBe('object');
  expect(runAlone(createVcpu(kvm, 9))).toBe(-EINVAL);
});
