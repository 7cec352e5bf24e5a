import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { buildThreads } from '../../cli/build/threads-bundle.js';
import { runOnThreads, type StressOptions } from './host.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const entry = 'packages/threads/src/toys/worker.ts';
let toys: string;

beforeAll(async () => {
  toys = await buildThreads(root, { entry });
});

const run = (name: string, options: StressOptions, bundle = toys) =>
  runOnThreads(bundle, `toys/${name}`, { stuckAfterMs: 2000, ...options });

test.each(['mutex', 'spinlock', 'rwlock', 'fair'])('three threads lose nothing under a %s', async (lock) => {
  for (const chaos of [false, true]) {
    const { findings, rounds, states } = await run(`lost-addition-${lock}`, { ms: 400, chaos });
    expect(findings).toEqual([]);
    expect(rounds).toBeGreaterThan(20);
    expect(states.size).toBe(1);
  }
});

test('atomic additions without a lock lose nothing; weakened to load and store they do', async () => {
  const atomic = await run('lost-addition-bare', { rounds: 300, chaos: true });
  expect(atomic.findings).toEqual([]);
  const stepsOff = ['toys.first_addition', 'toys.second_addition'];
  const weak = await run('lost-addition-bare', { ms: 5000, chaos: true, stepsOff });
  expect(weak.ended).toBe('finding');
  expect(weak.findings[0]).toMatchObject({ kind: 'always', text: 'no addition is lost', round: weak.rounds });
});

test('a label left out of the bundle is gone', async () => {
  const without = await buildThreads(root, { entry, without: ['toys.guard_addition'] });
  const { findings, rounds } = await run('lost-addition-bare', { rounds: 10 }, without);
  expect(rounds).toBe(1);
  expect(findings[0]?.text).toBe('no addition is lost');
});

test('store buffering: only the three outcomes of sequential consistency, and more than one of them', async () => {
  const { states, findings, sometimes } = await run('store-buffering', { rounds: 5000, chaos: true });
  expect(findings).toEqual([]);
  expect(states.size).toBeGreaterThan(1);
  expect([...states.values()].reduce((a, b) => a + b)).toBe(5000);
  expect(sometimes['both see the other']).toBe(states.get('{"results":{"left":1,"right":1}}') ?? 0);
});

test('pointers, grace periods, awaits, 64-bit cells and numbers beyond 32 bits work across threads', async () => {
  const { states, findings } = await run('hand-over', { rounds: 3000, chaos: true });
  expect(findings).toEqual([]);
  for (const state of states.keys()) {
    expect(state).toContain('"final":{"big":{"$n":"9223372036854775808"},"number":1099511627776}');
  }
});

test('the seed fixes what the environment chooses', async () => {
  const choices = async (seed: number) => {
    const { states } = await run('hand-over', { rounds: 60, seed });
    const chosen = [0, 0, 0];
    for (const [state, n] of states) chosen[JSON.parse(state).results.taker.chosen] += n;
    return chosen;
  };
  const first = await choices(1);
  expect(await choices(1)).toEqual(first);
  expect(await choices(2)).not.toEqual(first);
});

test.each([
  ['with-a-value', 'always', 'right returns', ''],
  ['with-an-exception', 'exception', 'left throws', 'left'],
  ['with-a-bug', 'BUG', 'x is 0', 'left'],
  ['with-a-warning', 'always', 'no WARN', ''],
  ['with-a-double-free', 'double free', 'double free of a toy_node', 'left'],
  ['with-a-foreign-unlock', 'bad unlock', 'unlocks toy->lock', 'left'],
  ['with-a-leaked-lock', 'leaked lock', 'still holds toy->spin', 'left'],
  ['with-a-full-arena', 'arena exhausted', "larger 'arenaBytes'", 'left'],
  ['with-recursion', 'deadlock', 'waits for the lock toy->lock that it holds itself', ''],
  ['with-a-lost-wake-up', 'deadlock', 'left waits until it is 7: toy->x (now 0x0)', ''],
  ['with-an-atomic-section', 'exception', "declare the scenario 'exploredOnly'", 'left'],
  ['with-an-endless-loop', 'deadlock', 'left did not end the round', 'left'],
])('fails-%s is reported as %s and does not hang', async (name, kind, text, thread) => {
  const { findings, ended } = await run(`fails-${name}`, { rounds: 1000, stuckAfterMs: 300 });
  expect(ended).toBe('finding');
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatchObject({ kind, thread });
  expect(findings[0]?.text).toContain(text);
});

test('a run can be interrupted, and says what it had done', async () => {
  const stop = new AbortController();
  const { ended, rounds } = await run('store-buffering', {
    ms: 60_000,
    signal: stop.signal,
    onProgress: (judged) => {
      if (judged > 0) stop.abort();
    },
  });
  expect(ended).toBe('interrupted');
  expect(rounds).toBeGreaterThan(0);
});

test('a name that the bundle does not have is refused with those of its area', async () => {
  await expect(run('hand-ower', { rounds: 1 })).rejects.toThrow(
    /no scenario named 'toys\/hand-ower'.*toys\/hand-over/,
  );
  await expect(runOnThreads(toys, 'toys/hand-over')).rejects.toThrow("needs a bound: 'rounds' or 'ms'");
});
