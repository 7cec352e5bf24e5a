/** Goal: a verdict of `mutate` is earned. Method: a made-up system in which it is known what breaks. */
import type { AnyScenario } from '@faultline/machine';
import type { Mutant } from '@faultline/scenarios';
import { expect, test } from 'vitest';
import { type CheckResult, STOPPED } from '../run/job.ts';
import { Interrupted } from '../run/pool.ts';
import { campaign, exitCodeOf } from './campaign.ts';
import type { Trial } from './judge.ts';

const SAFE = 'nothing is lost';
const scenario = (name: string, defends: string[], more: Partial<AnyScenario> = {}) =>
  ({ name, defends, always: { [SAFE]: () => true }, claims: [], ...more }) as unknown as AnyScenario;

/** `breaks` says which `always` fall in a trial; '!' stands for a finding of another kind. */
function check(trial: Trial, breaks: (trial: Trial) => string[], expected = false): CheckResult {
  const fell = breaks(trial);
  return {
    kind: 'check',
    scenario: trial.scenario,
    verdict: fell.length > 0 ? 'violated' : 'verified',
    expected,
    complete: 10,
    deadlocked: 0,
    stopped: 0,
    always: Object.fromEntries(fell.filter((text) => text !== '!').map((text) => [text, 2])),
    findings: fell.map((text) => ({
      kind: text === '!' ? 'data race' : 'always',
      name: text === '!' ? '' : text,
    })),
    bounds: [],
  } as unknown as CheckResult;
}

async function run(mutants: Mutant[], breaks: (trial: Trial) => string[], more: Partial<AnyScenario> = {}) {
  const scenarios = [scenario('io/x', ['io.step_one', 'io.step_two'], more)];
  const done = await campaign({
    areas: ['io'],
    scenarios,
    mutants,
    steps: ['io.step_one', 'mmio.other_step'],
    attempt: async (trial) => check(trial, breaks, more.expect === 'violated'),
  });
  return { ...done, exit: exitCodeOf(done), verdicts: done.rows.map((row) => `${row.verdict} ${row.name}`) };
}

const caught: Mutant = {
  name: 'io/one-removed',
  says: 'one is removed',
  off: ['io.step_one'],
  expect: { caught: 'io/x', always: SAFE },
};
const without = (step: string) => (trial: Trial) => (trial.off.includes(step) ? [SAFE] : []);

test('a mutant is caught when the named always falls', async () => {
  const { verdicts, exit, unbroken } = await run([caught], without('io.step_one'));
  expect(verdicts).toEqual(['caught io/one-removed']);
  expect(unbroken).toEqual([]);
  expect(exit).toBe(0);
});

test('another finding does not count: the mutant is missed, and its always is unbroken', async () => {
  const { rows, exit, unbroken } = await run([caught], (trial) => (trial.off.length > 0 ? ['!'] : []));
  expect(rows[0]?.verdict).toBe('MISSED');
  expect(rows[0]?.seen[0]).toMatch(/found instead: data race/);
  expect(unbroken).toEqual([`io/x: '${SAFE}'`]);
  expect(exit).toBe(1);
});

test('a search that was cut by a wish to stop judges nothing', async () => {
  const stopped = campaign({
    areas: ['io'],
    scenarios: [scenario('io/x', ['io.step_one'])],
    mutants: [caught],
    steps: ['io.step_one'],
    attempt: async (trial) => ({ ...check(trial, () => []), bounds: [`${STOPPED} after 3 executions`] }),
  });
  await expect(stopped).rejects.toThrow(Interrupted);
});

test('only a scenario that says that it defends the step can catch it', async () => {
  const other = { ...caught, off: ['io.step_three'] };
  const { rows } = await run([other, caught], (trial) => (trial.off.length > 0 ? [SAFE] : []));
  expect(rows[0]?.seen[0]).toMatch(/does not say that it defends io.step_three/);
});

test('of a deep scenario the first executions may do, and all are tried if they do not', async () => {
  const late = (trial: Trial) => (trial.most === undefined ? without('io.step_one')(trial) : []);
  for (const breaks of [without('io.step_one'), late]) {
    const { rows } = await run([caught], breaks, { deep: true });
    expect(rows[0]?.verdict).toBe('caught');
  }
  expect((await run([caught], () => [], { deep: true })).rows[0]?.verdict).toBe('MISSED');
});

test('a mutant that breaks a rule of locks is caught by that rule, and by what it is said to end in', async () => {
  const RULE = 'order a > b';
  const verdictOf = async (rule: string, found: { kind: string; name: string }[], ends?: 'deadlock') => {
    const broken = { ...caught, expect: { caught: 'io/x', rule, ...(ends === undefined ? {} : { ends }) } };
    const attempt = async (trial: Trial) => ({
      ...check(trial, () => []),
      findings: found as unknown as CheckResult['findings'],
    });
    const scenarios = [scenario('io/x', ['io.step_one'])];
    const { rows } = await campaign({ areas: ['io'], scenarios, mutants: [broken], steps: [], attempt });
    return rows[0]?.verdict;
  };
  const rule = { kind: 'lock rule', name: RULE };
  expect(await verdictOf(RULE, [rule])).toBe('caught');
  expect(await verdictOf('order b > a', [rule])).toBe('MISSED');
  expect(await verdictOf(RULE, [rule], 'deadlock')).toBe('MISSED');
  expect(await verdictOf(RULE, [rule, { kind: 'deadlock', name: '' }], 'deadlock')).toBe('caught');
});

test('a step that no mutant names is missed', async () => {
  const { verdicts, exit } = await run([], () => []);
  expect(verdicts).toEqual(['MISSED io.step_one']);
  expect(exit).toBe(1);
});

test('a covered step is silent alone; the smallest sets that break are given', async () => {
  const covered: Mutant = {
    ...caught,
    expect: { covered: 'io/x', with: ['io.step_two', 'io.step_three'], always: SAFE },
  };
  const breaks = (trial: Trial) =>
    trial.off.includes('io.step_one') && trial.off.includes('io.step_two') ? [SAFE] : [];
  const good = await run([covered], breaks);
  expect(good.rows[0]?.verdict).toBe('covered');
  expect(good.rows[0]?.seen).toContain('breaks together: {io.step_one, io.step_two}');
  expect(good.rows[0]?.seen).toHaveLength(2);
  expect((await run([covered], without('io.step_one'))).rows[0]?.seen[0]).toMatch(/^not covered/);
  expect((await run([covered], () => [])).rows[0]?.verdict).toBe('MISSED');
});

test('an equivalent mutant has to be silent', async () => {
  const equal: Mutant = { ...caught, expect: { equivalent: 'the value is the same' } };
  expect((await run([equal], () => [])).rows[0]?.verdict).toBe('equivalent');
  expect((await run([equal], without('io.step_one'))).rows[0]?.seen[0]).toMatch(/^not equivalent/);
});

test('a misspelt scenario or always is missed, with the near name', async () => {
  const far = { ...caught, expect: { caught: 'io/y', always: SAFE } };
  expect((await run([far], () => [])).rows[0]?.seen[0]).toBe("no scenario 'io/y'; did you mean 'io/x'?");
  const wrong = { ...caught, expect: { caught: 'io/x', always: 'nothing is found' } };
  expect((await run([wrong], () => [])).rows[0]?.seen[0]).toMatch(/has no always/);
});

test('a finding of the unchanged catalogue counts, except where a document is wrong', async () => {
  expect((await run([caught], () => [SAFE])).exit).toBe(1);
  expect((await run([caught], () => [SAFE], { expect: 'violated' })).exit).toBe(0);
  const quiet = await run([caught], without('io.step_one'), { expect: 'violated' });
  expect(quiet.exit).toBe(1);
});
