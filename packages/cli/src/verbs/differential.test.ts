/**
 * Goal: what our KVM returns is what Linux's returns. Where there is no /dev/kvm the verb says so and why; what can be
 * tested without it is in ../differential.
 */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import os, { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { NoKvm, openLinuxKvm } from '../differential/linux-kvm.ts';
import { faultline, ROOT } from '../testing/run.ts';

/** Kernels that docs/fidelity.md speaks of. On another one a difference is news about it, and nothing that is broken here. */
const COMPARED = /^6\.18\./;
const SLOW = { timeout: 300_000 };
const SKIPPED = /^skipped: no \/dev\/kvm: .{20,}\n$/;

/** Why the device cannot be used here; null if it can. */
function whyNot(): string | null {
  try {
    const linux = openLinuxKvm(ROOT);
    try {
      linux.createVm().close();
    } finally {
      linux.close();
    }
    return null;
  } catch (error) {
    if (error instanceof NoKvm) return error.message;
    throw error;
  }
}

const reason = whyNot();
// A run that compared nothing says so itself.
if (reason !== null) console.warn(`skipped: no /dev/kvm: ${reason}`);

test('without its device nothing is compared: it says why, and does not pass for done', () => {
  expect(() => openLinuxKvm(ROOT, '/dev/no-such-kvm')).toThrow(/\/dev\/no-such-kvm does not exist/);
  expect(() => openLinuxKvm(ROOT, tmpdir())).toThrow(NoKvm);
  if (reason !== null) {
    const { status, stdout } = faultline(['differential']);
    expect([status, SKIPPED.test(stdout)]).toEqual([3, true]);
  }
});

test('without koffi it says what to install', () => {
  const device = path.join(mkdtempSync(path.join(tmpdir(), 'differential-')), 'device');
  writeFileSync(device, '');
  const open = () => openLinuxKvm('/', device);
  expect(open).toThrow(process.platform === 'linux' && process.arch === 'x64' ? /npm install koffi/ : NoKvm);
});

test('some hundred calls and guests: every result, errno, exit, register and byte is the same', SLOW, () => {
  const { status, stdout } = faultline(['differential', '--calls', '600', '--guests', '30', '--seed', '3']);
  if (reason !== null) {
    expect([status, SKIPPED.test(stdout)]).toEqual([3, true]);
    return;
  }
  if (!COMPARED.test(os.release()) && status === 1) {
    console.warn(
      `Linux ${os.release()} is not among the kernels that were compared, and differs:\n${stdout}`,
    );
    return;
  }
  expect(stdout).toMatch(/\nequal {6}no difference that is not explained\n/);
  expect(status).toBe(0);
});

test('an errno of ours that is changed on purpose is found, in the two calls that it takes', SLOW, () => {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'differential-')), 'virt');
  mkdirSync(folder);
  const text = readFileSync(path.join(ROOT, 'packages/kvm/src/virt/create-vcpu.ts'), 'utf8');
  const changed = text.replace('return -EEXIST;', 'return -EINVAL;');
  expect(changed).not.toBe(text);
  const file = path.join(folder, 'create-vcpu.ts');
  writeFileSync(file, changed);
  const { status, stdout } = faultline(['differential', '--calls', '300', '--guests', '1', '--with', file]);
  if (reason !== null) {
    expect([status, SKIPPED.test(stdout)]).toEqual([3, true]);
    return;
  }
  expect(stdout).toMatch(
    /differs {4}KVM_CREATE_VCPU, .* at its shortest:\n {2}1\. KVM_CREATE_VCPU (\d+)\n {2}2\. KVM_CREATE_VCPU \1\n +ours {3}-EINVAL\n +theirs -EEXIST\n/,
  );
  expect(status).toBe(1);
});

test('a model that goes round in circles is a difference, and does not hang', SLOW, () => {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'differential-')), 'x86');
  mkdirSync(folder);
  const text = readFileSync(path.join(ROOT, 'packages/kvm/src/x86/direct-page-fault.ts'), 'utf8');
  const changed = text.replace('if (fault.write && (slot.flags & KVM_MEM_READONLY) !== 0) return null;', '');
  expect(changed).not.toBe(text);
  const file = path.join(folder, 'direct-page-fault.ts');
  writeFileSync(file, changed);
  const { status, stdout } = faultline(['differential', '--calls', '1000', '--guests', '1', '--with', file]);
  if (reason !== null) {
    expect([status, SKIPPED.test(stdout)]).toEqual([3, true]);
    return;
  }
  expect(stdout).toMatch(/writes 0x[0-9a-f]+, then HLT\n +ours {3}never returns\n +theirs MMIO write/);
  expect(status).toBe(1);
});

test('bad usage is refused', () => {
  expect(faultline(['differential', '--calls', 'none']).status).toBe(2);
  expect(faultline(['differential', '--with', 'no-such-variant']).status).toBe(2);
});
