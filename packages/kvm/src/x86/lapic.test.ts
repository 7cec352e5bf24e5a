import { beforeEach, expect, test } from 'vitest';
import { freshArena, runAlone } from '../run-alone.ts';
import { createVcpu } from '../virt/create-vcpu.ts';
import { createVm, type VmOptions } from '../virt/create-vm.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { processRequests } from '../virt/vcpu-entry.ts';
import { setOrClearApicvInhibit } from './apicv.ts';
import { ApicvInhibit } from './apicv-state.ts';
import { ApicReg, injectFromLapic, lapicRegRead, lapicRegWrite, lapicSetIrr } from './lapic.ts';
import type { Lapic } from './lapic-state.ts';

const MMU = { pages: 1, frames: 1, remoteFlush: 'real' } as const;
let kvm: Kvm;
let vcpu: Vcpu;
let apic: Lapic;

beforeEach(() => create('vmx'));

function create(vendor: 'svm' | 'vmx'): void {
  freshArena(1 << 20);
  kvm = runAlone(createVm({ mmu: MMU, apicv: { vendor } }));
  vcpu = runAlone(createVcpu(kvm, 0)) as Vcpu;
  apic = vcpu.apic as Lapic;
}

const write = (offset: number, value: bigint) => runAlone(lapicRegWrite(vcpu, offset, value));
const read = (offset: number) => runAlone(lapicRegRead(apic, offset));
/** Software injects: the hardware does while APICv is on. */
const inhibit = (reason: number, set = true) => {
  runAlone(setOrClearApicvInhibit(kvm, reason, set));
  runAlone(processRequests(vcpu));
};

test('an end of interrupt ends the highest vector in service, and no other', () => {
  apic.isr = (1 << 4) | (1 << 9);
  write(ApicReg.EOI, 0n);
  expect(read(ApicReg.ISR)).toBe(1n << 4n);
  write(ApicReg.EOI, 0n);
  write(ApicReg.EOI, 0n);
  expect(read(ApicReg.ISR)).toBe(0n);
});

test('only a vector of a class above the task priority reaches the guest', () => {
  inhibit(ApicvInhibit.ABSENT);
  runAlone(lapicSetIrr(apic, 9));
  write(ApicReg.TPR, 0x20n);
  runAlone(injectFromLapic(vcpu));
  expect([vcpu.injected, read(ApicReg.IRR)]).toEqual([0, 1n << 9n]);
  write(ApicReg.TPR, 0x10n);
  runAlone(processRequests(vcpu));
  expect([vcpu.injected, read(ApicReg.IRR), read(ApicReg.ISR)]).toEqual([1 << 9, 0n, 1n << 9n]);
});

test('a vector waits until a higher one in service is ended', () => {
  inhibit(ApicvInhibit.ABSENT);
  apic.isr = 1 << 9;
  runAlone(lapicSetIrr(apic, 4));
  runAlone(injectFromLapic(vcpu));
  expect(vcpu.injected).toBe(0);
  write(ApicReg.EOI, 0n);
  runAlone(processRequests(vcpu));
  expect(vcpu.injected).toBe(1 << 4);
});

test('reasons add up: APICv comes back when the last one is gone', () => {
  const states: number[] = [];
  for (const [reason, set] of [
    [ApicvInhibit.ABSENT, true],
    [ApicvInhibit.HYPERV, true],
    [ApicvInhibit.ABSENT, false],
    [ApicvInhibit.HYPERV, false],
  ] as const) {
    inhibit(reason, set);
    states.push(apic.apicvActive.peek());
  }
  expect(states).toEqual([0, 0, 0, 1]);
});

test.each([
  ['vmx', 1],
  ['svm', 0],
] as const)('an interrupt window speaks against APICv on AMD only (%s)', (vendor, active) => {
  create(vendor);
  inhibit(ApicvInhibit.IRQWIN);
  expect(apic.apicvActive.peek()).toBe(active);
});

test('a VM whose vCPUs never look at requests cannot have APICv', () => {
  const options: VmOptions = { mmu: { pages: 1, frames: 1 }, apicv: { vendor: 'svm' } };
  expect(() => runAlone(createVm(options))).toThrow(/remoteFlush/);
});

test('without APICv a VM has neither the lock nor local APICs', () => {
  freshArena(1 << 20);
  const plain = runAlone(createVm({ mmu: MMU }));
  expect([plain.arch, (runAlone(createVcpu(plain, 0)) as Vcpu).apic]).toEqual([null, null]);
});
