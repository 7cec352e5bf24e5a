/** Goal: a verdict on a site is earned. Method: a made-up system in which it is known what is noticed, and when. */
import { expect, test } from 'vitest';
import type { CheckResult } from '../run/job.ts';
import { type AutoInput, type AutoTrial, autoCampaign, autoStatus } from './auto.ts';

const SITE = 'auto:mmu:packages/kvm/src/x86/zap.ts#zap:sptep.xchg';
const FENCE = 'auto:io:packages/kvm/src/virt/bus.ts#read:smpMb';

interface Made {
  /** What a weakened run finds; null where a bound was hit. */
  readonly finds: (trial: AutoTrial) => string | null;
  readonly reached?: readonly string[];
}

function result(trial: AutoTrial, { finds, reached = [SITE, FENCE] }: Made): CheckResult {
  const { scenario, model, off } = trial;
  const found = off.length === 0 ? '' : finds(trial);
  return {
    kind: 'check',
    scenario,
    model,
    verdict: found === null ? 'inconclusive' : found === '' ? 'verified' : 'violated',
    complete: 10,
    deadlocked: 0,
    stopped: 0,
    bounds: found === null ? ['maxExecutions'] : [],
    findings: found === null || found === '' ? [] : [{ kind: found, name: '' }],
    reached,
  } as unknown as CheckResult;
}

async function run(made: Made, more: Partial<AutoInput> = {}) {
  const tried: AutoTrial[] = [];
  const rows = await autoCampaign({
    scenarios: ['mmu/x', 'mmu/y'],
    deep: [],
    before: new Map(),
    sites: [SITE, FENCE],
    areas: ['mmu'],
    reasonFor: () => ({ verdict: 'survives', says: '' }),
    until: Number.POSITIVE_INFINITY,
    width: 2,
    attempt: async (trial) => {
      if (trial.off.length > 0) tried.push(trial);
      return result(trial, made);
    },
    ...more,
  });
  return { rows, tried, verdicts: rows.map(({ verdict }) => verdict), status: autoStatus(rows) };
}

test('one finding of any scenario that comes to the site is enough', async () => {
  const { rows, status } = await run({ finds: ({ scenario }) => (scenario === 'mmu/y' ? 'data race' : '') });
  expect(rows).toEqual([
    {
      site: 'x86/zap.ts#zap:sptep.xchg',
      area: 'mmu',
      verdict: 'noticed',
      says: 'mmu/y: data race',
      scenarios: 2,
    },
  ]);
  expect(status).toBe(0);
});

test('a survivor is a finding, unless its reason is written down', async () => {
  expect(await run({ finds: () => '' })).toMatchObject({ verdicts: ['survives'], status: 1 });
  const reasonFor: AutoInput['reasonFor'] = () => ({ verdict: 'survives', says: 'nobody else writes there' });
  expect(await run({ finds: () => '' }, { reasonFor })).toMatchObject({ verdicts: ['survives'], status: 0 });
});

test('a `sometimes` that no longer happens does not count', async () => {
  expect((await run({ finds: () => 'sometimes' })).verdicts).toEqual(['survives']);
});

test('every scenario that hit the small bound gets the large one before anything survives', async () => {
  const late = await run({
    finds: ({ most, scenario }) => (most < 1000 ? null : scenario === 'mmu/x' ? 'always' : ''),
  });
  expect(late.verdicts).toEqual(['noticed']);
  const never = await run({ finds: () => null });
  expect(never).toMatchObject({ verdicts: ['undecided'], status: 3 });
  expect(never.tried).toHaveLength(6);
});

test('a full barrier is also tried under x86-TSO', async () => {
  const { rows } = await run({ finds: ({ model }) => (model === 'tso' ? 'always' : '') }, { areas: ['io'] });
  expect(rows[0]).toMatchObject({ verdict: 'noticed', says: expect.stringMatching(/under x86-TSO$/) });
});

test('a set-up that cannot end is noticed; any other error is ours', async () => {
  const attempt = (message: string) => async (trial: AutoTrial) => {
    if (trial.off.length > 0) throw new Error(message);
    return result(trial, { finds: () => '' });
  };
  const stuck = await run({ finds: () => '' }, { attempt: attempt('set-up waits for something') });
  expect(stuck.verdicts).toEqual(['noticed']);
  await expect(run({ finds: () => '' }, { attempt: attempt('a worker ended') })).rejects.toThrow(
    'a worker ended',
  );
});

test('what no scenario comes to is said, and what time did not allow makes the run incomplete', async () => {
  expect((await run({ finds: () => '', reached: [] })).verdicts).toEqual(['not reached']);
  expect(await run({ finds: () => '' }, { until: 0 })).toMatchObject({ verdicts: ['not tried'], status: 3 });
});

test('what was noticed before is tried where it was; what survived is left alone until more scenarios come to it', async () => {
  const full = await run({ finds: ({ scenario }) => (scenario === 'mmu/y' ? 'always' : '') });
  const before = new Map(full.rows.map((row) => [row.site, row]));
  const again = await run({ finds: ({ scenario }) => (scenario === 'mmu/y' ? 'always' : '') }, { before });
  expect(again.rows).toEqual(full.rows);
  expect(again.tried.map(({ scenario }) => scenario)).toEqual(['mmu/y']);
  // The scenario that noticed has changed: everything is tried again.
  expect((await run({ finds: () => '' }, { before })).tried.map(({ scenario }) => scenario)).toContain(
    'mmu/x',
  );

  const lived = await run({ finds: () => '' });
  const left = new Map(lived.rows.map((row) => [row.site, row]));
  expect((await run({ finds: () => 'always' }, { before: left })).tried).toEqual([]);
  const more = { before: left, scenarios: ['mmu/x', 'mmu/y', 'mmu/z'] };
  expect((await run({ finds: () => 'always' }, more)).verdicts).toEqual(['noticed']);
});

test('a deep scenario may notice; that it does not is no verdict', async () => {
  const made = { finds: ({ scenario }: AutoTrial) => (scenario === 'mmu/deep' ? 'always' : '') };
  expect((await run(made, { deep: ['mmu/deep'] })).verdicts).toEqual(['noticed']);
  expect((await run({ finds: () => '' }, { deep: ['mmu/deep'] })).verdicts).toEqual(['survives']);
});
