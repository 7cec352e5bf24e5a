/**
 * Goal: one thread that makes the same calls gets the same answers on both platforms, and leaves the same bytes in the
 * arena, addresses included. Method: random sequences over the public face of the system and over every visible
 * operation; both bundles run in this process, each with a machine of its own. Where the environment chooses, all ways
 * to choose are taken on both sides and the sets of final states compared.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { VmOptions } from '@faultline/kvm';
import type { AnyScenario } from '@faultline/machine';
import type { Call } from '@faultline/scenarios/sequence';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { buildThreads } from '../../../build/threads-bundle.js';

interface Side {
  sequenceScenario(options: VmOptions, calls: readonly Call[]): AnyScenario;
  finalStates(scenario: AnyScenario): { finals: Set<string>; findings: string[] };
}

const root = path.resolve(import.meta.dirname, '../../../../..');
let explored: Side;
let threads: Side;

beforeAll(async () => {
  const load = async (platform: 'explored' | 'threads') => {
    const entry = `packages/cli/src/stress/differential/${platform}.ts`;
    return (await import(pathToFileURL(await buildThreads(root, { platform, entry })).href)) as Side;
  };
  explored = await load('explored');
  threads = await load('threads');
});

const below = (n: number) => fc.integer({ min: 0, max: n - 1 });
const PAGE = 4096n;
const pages = fc.constantFrom(0n, PAGE, 2n * PAGE, 3n * PAGE, PAGE + 1n);

const setRegion = fc.record({
  call: fc.constant('set region' as const),
  region: fc.record({
    slot: fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 7, 0x10000),
    flags: fc.constantFrom(0, 0, 0, 1, 2, 3, 4),
    guestPhysAddr: pages,
    memorySize: pages,
    userspaceAddr: pages,
  }),
});
// Guest addresses within the four frames that the page table covers.
const address = fc.constantFrom(0, 8, 0x1000, 0x1ffc, 0x2000, 0x3000, 0x3ff8);
const size = fc.constantFrom(1, 2, 4, 8);
const value = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const instruction = fc.oneof(
  fc.record({ op: fc.constant('load' as const), gpa: address, size }),
  fc.record({ op: fc.constant('store' as const), gpa: address, size, value }),
  fc.record({ op: fc.constant('in' as const), port: below(4), size }),
  fc.record({ op: fc.constant('out' as const), port: below(4), size, value }),
);
const systemCall = fc.oneof(
  { weight: 4, arbitrary: setRegion },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('create vcpu' as const), id: below(3) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      call: fc.constant('run' as const),
      vcpu: fc.constant(0),
      program: fc.array(instruction, { maxLength: 3 }),
      answer: value,
    }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('open eventfd' as const) }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('read eventfd' as const), fd: below(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constant('ioeventfd' as const),
      args: fc.record({
        datamatch: below(3).map(BigInt),
        addr: address.map(BigInt),
        len: fc.constantFrom(0, 1, 4, 8, 3),
        flags: fc.constantFrom(0, 0, 0, 1, 2, 4, 5, 8, 15),
      }),
      fd: fc.constantFrom(0, 0, 0, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      call: fc.constantFrom('coalesce' as const, 'uncoalesce' as const),
      addr: address,
      size: fc.constantFrom(8, 0x1000),
      pio: below(3),
    }),
  },
);

const edge = fc.constantFrom(0n, 1n, 0xffff_ffffn, 1n << 32n, (1n << 51n) - 1n);
const wordOf = (cell: 'u32' | 'u53' | 'u64' | 'generation', operand: fc.Arbitrary<bigint>) =>
  fc.record({
    call: fc.constant('word' as const),
    cell: fc.constant(cell),
    operation: fc.constantFrom(
      ...([
        'load',
        'store',
        'release',
        'store and fence',
        'xchg',
        'cmpxchg',
        'and',
        'or',
        'andnot',
        'await',
      ] as const),
    ),
    hit: fc.boolean(),
    a: operand,
    b: operand,
  });
const wordCall = fc.oneof(
  wordOf(
    'u32',
    fc.oneof(edge, value).map((v) => v & 0xffff_ffffn),
  ),
  wordOf(
    'u53',
    fc.oneof(edge, value).map((v) => v & ((1n << 53n) - 1n)),
  ),
  wordOf('u64', fc.oneof(edge, value)),
  // Bit 52 of the number stands for bit 63 of the word.
  wordOf(
    'generation',
    fc.oneof(edge, value).map((v) => v & ((1n << 53n) - 1n)),
  ),
  fc.record({
    call: fc.constant('word' as const),
    cell: fc.constantFrom('u32' as const, 'u64' as const),
    operation: fc.constant('add' as const),
    hit: fc.constant(false),
    a: edge,
    b: edge,
  }),
  fc.record({
    call: fc.constant('node' as const),
    operation: fc.constantFrom('new' as const, 'free' as const, 'read' as const),
  }),
  fc.record({
    call: fc.constant('lock' as const),
    lock: fc.constantFrom('mutex' as const, 'spinlock' as const, 'rwlock' as const, 'fair' as const),
    read: fc.boolean(),
  }),
  fc.record({ call: fc.constant('try' as const) }),
  fc.record({ call: fc.constant('srcu' as const) }),
);

function compare(options: VmOptions, calls: readonly Call[]): Set<string> {
  const one = explored.finalStates(explored.sequenceScenario(options, calls));
  const other = threads.finalStates(threads.sequenceScenario(options, calls));
  expect(one.findings).toEqual([]);
  expect([...other.finals].sort()).toEqual([...one.finals].sort());
  return one.finals;
}

const form = fc.constantFrom('modern' as const, '2014' as const, 'before 2014' as const);
const options: fc.Arbitrary<VmOptions> = fc.record({
  form,
  addressSpaces: fc.constantFrom(1 as const, 2 as const),
});

test('700 sequences of ioctls and guest programs', () => {
  const first: Call[] = [{ call: 'create vcpu', id: 0 }, { call: 'open eventfd' }];
  const seen = new Map<string, number>();
  const property = fc.property(options, fc.array(systemCall, { maxLength: 9 }), (vm, calls) => {
    const [final] = compare(vm, [...first, ...calls]);
    const { only } = JSON.parse(final).results as { only: unknown[] };
    for (const [i, { call }] of calls.entries()) {
      const result = JSON.stringify(only[i + first.length]);
      const what = `${call} ${/physAddr|port/.exec(result)?.[0] ?? (result.startsWith('-') ? 'refused' : 'done')}`;
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
  });
  fc.assert(property, { numRuns: 700, seed: 1 });
  // What was compared was not only refusals.
  for (const what of [
    'set region done',
    'run done',
    'run physAddr',
    'run port',
    'ioeventfd done',
    'coalesce done',
  ]) {
    expect(seen.get(what) ?? 0, what).toBeGreaterThan(20);
  }
});

test('300 sequences of operations on words, pointers and locks', () => {
  const property = fc.property(fc.array(wordCall, { minLength: 5, maxLength: 40 }), (calls) => {
    compare({}, calls);
  });
  fc.assert(property, { numRuns: 300, seed: 1 });
});

test('100 sequences in which allocations may fail: the same final states over all ways to choose', () => {
  let most = 0;
  const chosen = fc.record({ call: fc.constant('choose' as const), n: fc.integer({ min: 1, max: 3 }) });
  const calls = fc.array(fc.oneof({ weight: 3, arbitrary: systemCall }, { weight: 1, arbitrary: chosen }), {
    minLength: 1,
    maxLength: 3,
  });
  const property = fc.property(options, calls, (vm, made) => {
    most = Math.max(most, compare({ ...vm, allocMayFail: true }, made).size);
  });
  fc.assert(property, { numRuns: 100, seed: 1 });
  expect(most).toBeGreaterThan(4);
});

test('a difference of one bit does not pass', () => {
  const of = (value: bigint) =>
    compare({}, [{ call: 'word', cell: 'u64', operation: 'store', hit: false, a: value, b: 0n }]);
  expect([...of(1n << 63n)]).not.toEqual([...of(1n << 62n)]);
});
