/**
 * Memslot look-ups and updates per second on worker threads, beside 64-bit compare-and-exchange in the same workers.
 * `node bench/run.mjs memslots`
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runOnThreads } from '@faultline/threads';

const ROUNDS = 5;
const root = process.cwd();
const PARTS = [
  ['raw-cmpxchg-one-thread', ['one']],
  ['raw-cmpxchg-two-threads', ['one', 'two']],
  ['cell-cmpxchg-one-thread', ['one']],
  ['lookups-one-thread', ['one']],
  ['lookups-two-threads', ['one', 'two']],
  ['updates-alone', ['one']],
  ['updates-beside-lookups', ['updater', 'reader']],
] as const;

interface Timed {
  readonly ops: number;
  readonly ms: number;
}

const { buildThreads } = await import(
  pathToFileURL(path.join(root, 'packages/cli/build/threads-bundle.js')).href
);
const bundle = await buildThreads(root, { scenarioFile: path.join(root, 'bench/tasks/memslots.ts') });
const nanoseconds = new Map<string, number>();
for (const [name, threads] of PARTS) {
  const result = await runOnThreads(bundle, `bench/${name}`, { rounds: ROUNDS, stuckAfterMs: 60_000 });
  for (const finding of result.findings) console.log(finding.kind, finding.text, finding.stack);
  const runs = [...result.states.keys()].map((text) => JSON.parse(text).results as Record<string, Timed>);
  for (const thread of threads) {
    const each = runs
      .map((r) => ((r[thread] as Timed).ms * 1e6) / (r[thread] as Timed).ops)
      .sort((a, b) => a - b);
    const median = each[each.length >> 1] as number;
    nanoseconds.set(`${name}/${thread}`, median);
    const perSecond = Math.round(1e9 / median).toLocaleString('en');
    console.log(
      `${name.padEnd(26)} ${thread.padEnd(8)} ${median.toFixed(0).padStart(7)} ns  ${perSecond.padStart(12)}/s`,
    );
  }
}
const raw = nanoseconds.get('raw-cmpxchg-one-thread/one') as number;
const ratio = (key: string) => ((nanoseconds.get(key) as number) / raw).toFixed(1);
console.log(
  `a look-up costs ${ratio('lookups-one-thread/one')} raw cmpxchg, an update ${ratio('updates-alone/one')}`,
);
