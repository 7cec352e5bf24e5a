/** Goal: what a verdict line says, word for word. */
import { expect, test } from 'vitest';
import type { CheckResult, FoundFinding } from '../run/job.ts';
import { checkMail, wrap } from './mail.ts';
import { checkText, headline, switches } from './text.ts';

const VERIFIED: CheckResult = {
  kind: 'check',
  scenario: 'io/x',
  title: 'a device is lost',
  size: '1 vCPU, 1 ioctl',
  source: 'a test',
  verdict: 'verified',
  expected: false,
  model: 'sc',
  mode: 'optimal',
  without: [],
  variant: '',
  complete: 1200,
  deadlocked: 0,
  blocked: 0,
  truncated: 0,
  stopped: 0,
  maxDepth: 40,
  steps: 48_000,
  states: 3,
  observations: 2,
  ms: 340,
  bounds: [],
  always: {},
  sometimes: {},
  races: [],
  statesHash: '',
  findings: [],
};

const FINDING: FoundFinding = {
  kind: 'always',
  name: 'none is lost',
  says: '',
  executions: 2,
  diagram: 'a b\n',
  trace: '1 a',
  token: 'f1.io/x.abc',
  contents: '',
  switches: 1,
  effort: 'no preemption needed',
  arenaHash: '00',
};

const text = (result: CheckResult, trace = false) => checkText(result, { again: [], trace });

test('verified: of which scenario, size, memory model, mode, in how many executions and states', () => {
  expect(text(VERIFIED)).toBe(
    [
      'verified  io/x',
      '  a device is lost',
      '  1 vCPU, 1 ioctl, sequential consistency, mode optimal: 1,200 executions, 3 distinct states, at most 40 steps; 0.3 s',
      '',
    ].join('\n'),
  );
});

test('a race is said to happen or not, and to do harm or not', () => {
  const races = [
    { name: 'a', happened: 0, harmful: 0 },
    { name: 'b', happened: 12, harmful: 0 },
    { name: 'c', happened: 12, harmful: 2 },
  ];
  expect(
    text({ ...VERIFIED, races })
      .split('\n')
      .slice(3, 6),
  ).toEqual([
    '  never happens: a, in none of 1,200 executions',
    '  happens and is harmless: b; in 12 of 1,200 executions',
    '  happens and breaks: c; in 12 of 1,200 executions, breaking 2',
  ]);
  expect(text({ ...VERIFIED, races, bounds: ['time=1 s reached'] })).toContain('harmless so far: b');
});

test('two forms of the code are compared: what happens in each, and final states that only one has', () => {
  const comparison = {
    other: 'io/y',
    otherExecutions: 9,
    sometimes: [
      ['it is late', 3, 4],
      ['it is early', 1, null],
    ],
    shared: 2,
    onlyHere: ['{"x":1}'],
    onlyThere: [],
  } as const;
  expect(
    text({ ...VERIFIED, comparison })
      .split('\n')
      .slice(3, 8),
  ).toEqual([
    '  compared with io/y (9 executions):',
    '    3 here, 4 there: it is late',
    '    1 here, - there: it is early',
    '    final states: 2 in common',
    '      only io/x: {"x":1}',
  ]);
});

test('violated: which rule, how often, picture, how simple it is, how to see it again', () => {
  const result: CheckResult = {
    ...VERIFIED,
    verdict: 'violated',
    variant: 'before-x',
    without: ['io.a_step'],
    findings: [FINDING],
  };
  expect(text(result)).toBe(
    [
      'violated  io/x (with before-x; without io.a_step)',
      '  a device is lost',
      '  1 vCPU, 1 ioctl, sequential consistency, mode optimal: 1,200 executions, 3 distinct states, at most 40 steps; 0.3 s',
      '',
      "  falls: 'none is lost', in 2 of 1,200 executions",
      '',
      'a b',
      '',
      '  1 context switch; no preemption needed',
      '  replay: npx faultline replay f1.io/x.abc',
      '',
    ].join('\n'),
  );
  expect(text(result, true)).toContain('\n1 a\n');
});

test('inconclusive: which bound; waiting for ever and cut short are counted', () => {
  const result: CheckResult = {
    ...VERIFIED,
    verdict: 'inconclusive',
    deadlocked: 1,
    truncated: 4,
    bounds: ['maxSteps=9 reached in 4 executions, which were cut short'],
  };
  expect(text(result)).toMatch(/1,201 executions, 1 of them deadlocked, 4 cut short/);
  expect(text(result)).toMatch(/^inconclusive[\s\S]*\n {2}bound: maxSteps=9 reached in 4 executions/);
});

test('a scenario that takes a wrong sentence literally says so either way', () => {
  const wrong: CheckResult = { ...VERIFIED, expected: true, verdict: 'violated' };
  expect(text(wrong)).toMatch(/as expected: the sentence that it takes literally is wrong/);
  expect(text({ ...wrong, verdict: 'verified' })).toMatch(/expected to be violated/);
});

test('a rule that never came about, a detector, and a rule about a detector each have their headline', () => {
  const of = (more: Partial<FoundFinding>) => headline(VERIFIED, { ...FINDING, ...more });
  expect(of({ kind: 'sometimes', name: 'it rains' })).toBe(
    "never happens: 'it rains', in none of 1,200 executions",
  );
  expect(of({ kind: 'data race', name: '' })).toBe('data race, in 2 of 1,200 executions');
  expect(of({ kind: 'deadlock', name: 'it ends' })).toBe(
    "deadlock: falls: 'it ends', in 2 of 1,200 executions",
  );
  expect(switches({ ...FINDING, switches: 3 })).toBe('3 context switches; no preemption needed');
});

test('mail is wrapped at 72 columns', () => {
  expect(wrap('a '.repeat(60).trim()).every((line) => line.length <= 72)).toBe(true);
  expect(wrap('x'.repeat(80))).toEqual(['x'.repeat(80)]);
  expect(checkMail({ ...VERIFIED, findings: [FINDING] }, [])).toMatch(
    /Reproduce with:\n {2}npx faultline replay/,
  );
});
