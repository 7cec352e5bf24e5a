/** Claims of a scenario, bounds, determinism: what an exploration answers besides counts. */
import { type AnyScenario, at, cell32, choose, never, scenario, struct, type Task } from '@faultline/machine';
import { expect, test } from 'vitest';
import { explore, exploreAsync } from './explore.ts';
import { Judge } from './judge.ts';
import * as classic from './programs/classic.ts';
import { device } from './programs/device.ts';
import { replay } from './replay.ts';

const Pair = struct('pair', { x: cell32, y: cell32 }, { as: 'p' });
type State = ReturnType<typeof Pair.at>;

function* setup(): Task<State> {
  return Pair.alloc();
}

const storeBuffering = scenario('test/store-buffering', {
  source: 'test',
  setup,
  threads: {
    *left(p: State): Task<number> {
      yield* p.x.writeOnce(1);
      return yield* p.y.readOnce();
    },
    *right(p: State): Task<number> {
      yield* p.y.writeOnce(1);
      return yield* p.x.readOnce();
    },
  },
  always: {
    'one of them sees the other': ({ results }) => results.left === 1 || results.right === 1,
    'left sees right': ({ results }) => results.left === 1,
    'there is no deadlock': never('deadlock'),
  },
  sometimes: {
    'both see each other': ({ results }) => results.left === 1 && results.right === 1,
    'neither sees the other': ({ results }) => results.left === 0 && results.right === 0,
  },
});

test('an always that falls and a sometimes that never happens are findings with their counts', () => {
  const found = explore(storeBuffering);
  expect(found.verdict).toBe('violated');
  expect(found.findings.map((f) => f.message)).toEqual([
    'not always: left sees right',
    'never happens: neither sees the other',
  ]);
  expect(found.always).toEqual({
    'one of them sees the other': { judged: 3, hits: 0 },
    'left sees right': { judged: 3, hits: 1 },
    'there is no deadlock': { judged: 3, hits: 0 },
  });
  expect(found.sometimes['both see each other']).toEqual({ judged: 3, hits: 1, harmful: 0 });
  expect(found.finals.size).toBe(3);
});

test('a sometimes is harmful in the executions in which an always falls with it', () => {
  const late = explore({
    ...storeBuffering,
    sometimes: { 'right sees left': ({ results }: { results: { right?: number } }) => results.right === 1 },
  } as typeof storeBuffering);
  expect(late.sometimes).toEqual({ 'right sees left': { judged: 3, hits: 2, harmful: 1 } });
});

test('the schedule of a fallen always shows it again', () => {
  const [finding] = explore(storeBuffering).findings;
  const { trace, findings } = replay(storeBuffering, finding.schedule);
  expect(findings.map((f) => f.claim)).toEqual(['left sees right']);
  expect(trace.events.map((e) => e.text)).toContain('p->y == 0');
});

test('a never falls when its detector reports', () => {
  const abba = { ...classic.abba(), always: { 'no deadlock': never('deadlock') } } as AnyScenario;
  const found = explore(abba);
  expect(found.findings.map((f) => [f.kind, f.claim])).toEqual([['deadlock', 'no deadlock']]);
  expect(found.always['no deadlock']).toEqual({ judged: 3, hits: 1 });
});

test('a never that two reports break in one execution fell in one', () => {
  const kind = 'sleeping function called from invalid context';
  const judge = new Judge({ ...storeBuffering, always: { quiet: never(kind) } } as AnyScenario, null);
  judge.begin();
  expect([judge.reported(kind), judge.reported(kind)]).toEqual([['quiet'], ['quiet']]);
  expect(judge.always.quiet).toEqual({ judged: 1, hits: 1 });
  judge.begin();
  judge.reported(kind);
  expect(judge.always.quiet).toEqual({ judged: 2, hits: 2 });
});

test('stopAtFirst stops at the first finding', () => {
  const found = explore(storeBuffering, { stopAtFirst: true });
  expect(found.findings.length).toBe(1);
});

test('a bound on steps truncates executions, and nothing is verified', () => {
  const spin = device('spin', [
    function* (dev) {
      while ((yield* dev.flag.readOnce()) === 0);
    },
    function* (dev) {
      yield* dev.flag.writeOnce(1);
    },
  ]);
  const found = explore(spin, { bounds: { maxSteps: 20 } });
  expect(found.verdict).toBe('inconclusive');
  expect(found.counts.truncated).toBeGreaterThan(0);
  expect(found.bounds).toEqual([{ bound: 'maxSteps', limit: 20, executions: found.counts.truncated }]);
});

test('a bound on executions or time leaves the verdict open', () => {
  const few = explore(classic.lastzero(8), { bounds: { maxExecutions: 10 } });
  expect([few.verdict, few.counts.complete, few.bounds[0].bound]).toEqual([
    'inconclusive',
    10,
    'maxExecutions',
  ]);
  const short = explore(classic.binc(12), { bounds: { timeMs: 20 } });
  expect([short.verdict, short.bounds[0].bound]).toEqual(['inconclusive', 'timeMs']);
});

test('as many executions as the bound allows are not a bound that was hit', () => {
  const found = explore(classic.lastzero(4), { bounds: { maxExecutions: 28 } });
  expect([found.verdict, found.bounds]).toEqual(['verified', []]);
});

test('an abort from outside ends a long exploration', async () => {
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  const found = await exploreAsync(classic.binc(12), { signal: controller.signal });
  expect([found.verdict, found.bounds[0].bound]).toEqual(['inconclusive', 'aborted']);
});

test('progress tells executions, rate and how much is done', async () => {
  const seen: number[] = [];
  explore(classic.binc(12), { bounds: { timeMs: 700 }, onProgress: (p) => seen.push(p.executions, p.done) });
  expect(seen.length).toBeGreaterThanOrEqual(2);
  expect(seen[1]).toBeGreaterThanOrEqual(0);
  expect(seen[1]).toBeLessThan(1);
});

test('a thread that depends on something outside the arena is reported with the first difference', () => {
  let runs = 0;
  const moody = device('moody', [
    function* (dev) {
      if (runs++ % 2 === 0) yield* dev.flag.writeOnce(1);
      else yield* dev.count.writeOnce(1);
    },
  ]);
  const found = explore(moody);
  expect(found.findings.map((f) => f.kind)).toEqual(['nondeterminism']);
  expect(found.findings[0].message).toMatch(/step 0 did STORE of dev->flag .* and STORE of dev->count/);
});

test('each outcome of a choice is an execution, in every mode', () => {
  const chooser = device('chooser', [
    function* () {
      return (yield* choose('first', 3)) * 2 + (yield* choose('second', 2));
    },
    function* (dev) {
      yield* dev.flag.writeOnce(yield* choose('value', 2));
    },
    function* (dev) {
      return yield* dev.flag.readOnce();
    },
  ]);
  for (const mode of ['naive', 'sleep', 'source', 'optimal'] as const) {
    const { counts, finals } = explore(chooser, { mode });
    expect([mode, counts.complete, finals.size]).toEqual([mode, 24, 12]);
  }
});

test('a weakened cmpxchg stores whatever it finds and reports success', () => {
  const step = at('test.winner');
  const race = device(
    'two-winners',
    [1, 2].map(
      (id) =>
        function* (dev) {
          return (yield* dev.flag.cmpxchg(0, id, step)) === 0;
        },
    ),
  );
  const winners = (options: { stepsOff?: string[] }) => [...explore(race, options).finals.keys()].join(' ');
  expect(winners({})).not.toContain('"a":true,"b":true');
  expect(winners({ stepsOff: ['test.winner'] })).toContain('"a":true,"b":true');
});

test('a weakened addition can lose an update', () => {
  const step = at('test.count');
  const counters = device(
    'counters',
    [1, 2].map(
      () =>
        function* (dev) {
          return yield* dev.count.fetchAdd(1, step);
        },
    ),
  );
  expect(explore(counters).finals.size).toBe(2);
  const weak = explore(counters, { stepsOff: ['test.count'] });
  expect([weak.counts.complete, weak.finals.size]).toEqual([4, 3]);
});

test('a weakened lock is never held', () => {
  const step = at('test.lock');
  const locked = device(
    'weak-lock',
    [1, 2].map(
      () =>
        function* (dev) {
          yield* dev.lock.lock(step);
          dev.data = dev.data + 1;
          yield* dev.lock.unlock(step);
        },
    ),
  );
  expect(explore(locked).verdict).toBe('verified');
  const weak = explore(locked, { stepsOff: ['test.lock'] });
  expect(weak.findings.map((f) => f.kind)).toContain('data race');
});

test('a claim that throws is named', () => {
  const asks = { ...storeBuffering, always: { 'nonsense holds': () => JSON.parse('nonsense') } };
  expect(() => explore(asks)).toThrow(/the claim 'nonsense holds' threw instead of answering: SyntaxError/);
});

test('a step name that nothing declares is refused with what is near', () => {
  expect(() => explore(storeBuffering, { stepsOff: ['test.winnr'] })).toThrow(/no step named 'test.winnr'/);
});
