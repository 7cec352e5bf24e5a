/** Goal: what is called known is written down for readers, and explains no more than it says. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Cap, errno } from '@faultline/kvm';
import { expect, test } from 'vitest';
import { ROOT } from '../testing/run.ts';
import type { Call } from './calls.ts';
import { KNOWN_DIFFERENCES, onlyReadPagesMore, type Pair } from './known.ts';

const { EINVAL } = errno;

test('docs/fidelity.md has each known difference with its kernels and its reason, and no other', () => {
  const page = readFileSync(path.join(ROOT, 'docs/fidelity.md'), 'utf8');
  const section = /## System calls and guests\n([\s\S]*?)(?=\n## |$)/.exec(page)?.[1] ?? '';
  const rows = section
    .split('\n')
    .filter((line) => /^\| (?!difference|---)/.test(line) && line.split('|').length === 5);
  const cells = (row: string) =>
    row
      .split('|')
      .slice(1, 4)
      .map((cell) => cell.trim());
  expect(rows.map(cells)).toEqual(
    KNOWN_DIFFERENCES.map(({ name, kernels, reason }) => [name, kernels, reason]),
  );
});

const pair = (call: Call, ours: Pair['ours'], theirs: Pair['theirs'], read: number[] = []): Pair => ({
  ...{ call, ours, theirs, read: new Set(read) },
  bases: new Map([[0, 8]]),
});
const explained = (one: Pair) => KNOWN_DIFFERENCES.filter(({ explains }) => explains(one)).length;
const check = (cap: number): Call => ({ call: 'KVM_CHECK_EXTENSION', cap });

test('a capability that the model decides has to be the same', () => {
  expect(explained(pair(check(0), { result: 0 }, { result: 1 }))).toBe(1);
  expect(explained(pair(check(Cap.READONLY_MEM), { result: 0 }, { result: 1 }))).toBe(0);
  expect(explained(pair(check(Cap.MAX_VCPUS), { result: 8 }, { result: 1024 }))).toBe(1);
  expect(explained(pair(check(Cap.MAX_VCPU_ID), { result: 8 }, { result: 1024 }))).toBe(0);
});

test('a page may be in our log alone if the guest has read it, and in theirs alone never', () => {
  const get: Call = { call: 'KVM_GET_DIRTY_LOG', slot: 0 };
  const log = (...data: number[]) => ({ result: 0, data });
  expect(explained(pair(get, log(3), log(1), [9]))).toBe(1);
  expect(explained(pair(get, log(3), log(1), [1]))).toBe(0);
  expect(explained(pair(get, log(1), log(3), [9]))).toBe(0);
  expect(explained(pair(get, log(3), { result: -EINVAL }, [9]))).toBe(0);
  expect(onlyReadPagesMore([0, 1], [], 8, new Set([40]))).toBe(true);
});

test('an errno is explained only where the machines differ', () => {
  const ring = (arg: bigint): Call => ({ call: 'KVM_ENABLE_CAP', cap: Cap.DIRTY_LOG_RING, flags: 0, arg });
  expect(explained(pair(ring(4096n), { result: 0 }, { result: -EINVAL }))).toBe(1);
  expect(explained(pair(ring(65_536n), { result: 0 }, { result: -EINVAL }))).toBe(0);
  expect(explained(pair(ring(4096n), { result: -EINVAL }, { result: 0 }))).toBe(0);
  const region = (userspaceAddr: bigint): Call => ({
    ...{ call: 'KVM_SET_USER_MEMORY_REGION', slot: 0, flags: 0, guestPhysAddr: 0n, memorySize: 4096n },
    ...{ userspaceAddr, inMemory: false },
  });
  expect(explained(pair(region(1n << 47n), { result: -EINVAL }, { result: 0 }))).toBe(1);
  expect(explained(pair(region(0n), { result: -EINVAL }, { result: 0 }))).toBe(0);
});
