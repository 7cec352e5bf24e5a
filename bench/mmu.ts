/**
 * Page faults per second on worker threads, four levels of tables, beside 64-bit compare-and-exchange in the same
 * process. `node bench/run.mjs mmu`
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runOnThreads } from '@faultline/threads';

const ROUNDS = 5;
const root = process.cwd();
const PARTS = ['raw', 'preparation', 'fast-logging', 'fast-no-logging', 'slow-logging'] as const;
const PAIRS = ['fast-different-frames', 'fast-same-frame'] as const;

interface Timed {
  readonly ops: number;
  readonly ms: number;
}

const { buildThreads } = await import(
  pathToFileURL(path.join(root, 'packages/cli/build/threads-bundle.js')).href
);
const bundle = await buildThreads(root, { scenarioFile: path.join(root, 'bench/tasks/mmu.ts') });

/** Nanoseconds an operation takes: the median over the rounds, of the first thread. */
async function nanoseconds(name: string): Promise<number> {
  const result = await runOnThreads(bundle, `bench/${name}`, { rounds: ROUNDS, stuckAfterMs: 60_000 });
  for (const { kind, text, stack } of result.findings) console.log(kind, text, stack);
  const each = [...result.states.keys()].map((text) => {
    const { ops, ms } = (JSON.parse(text).results as { one: Timed }).one;
    return (ms * 1e6) / ops;
  });
  return each.sort((a, b) => a - b)[each.length >> 1] as number;
}

const raw = await nanoseconds('raw');
const preparation = await nanoseconds('preparation');
for (const name of [...PARTS, ...PAIRS]) {
  const ns =
    name === 'raw' ? raw : name === 'preparation' ? preparation : (await nanoseconds(name)) - preparation;
  const perSecond = Math.round(1e9 / ns).toLocaleString('en');
  console.log(
    `${name.padEnd(24)} ${ns.toFixed(0).padStart(6)} ns ${perSecond.padStart(12)}/s ${(ns / raw).toFixed(1).padStart(7)} raw cmpxchg`,
  );
}
