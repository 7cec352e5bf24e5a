/**
 * Dirty logging on a worker thread, four levels of tables: pages a second that a harvest takes and arms, what a write of
 * the guest costs without logging, with it, and as the first after a harvest, and pages a second that a migration copies,
 * beside a plain copy of the same pages in the same process. `node bench/run.mjs dirty`
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runOnThreads } from '@faultline/threads';

const ROUNDS = 7;
const root = process.cwd();
const PARTS = [
  'plain-copy',
  'migration',
  'harvest',
  'harvest-without-ad-bits',
  'harvest-by-ring',
  'write-not-logged',
  'write-logged',
  'write-just-armed',
] as const;

interface Timed {
  readonly ops: number;
  readonly ms: number;
}

const { buildThreads } = await import(
  pathToFileURL(path.join(root, 'packages/cli/build/threads-bundle.js')).href
);
const bundle = await buildThreads(root, { scenarioFile: path.join(root, 'bench/tasks/dirty.ts') });

/** Nanoseconds a page takes: the median over the rounds. */
async function nanoseconds(name: string): Promise<number> {
  const result = await runOnThreads(bundle, `bench/${name}`, { rounds: ROUNDS, stuckAfterMs: 60_000 });
  for (const { kind, text, stack } of result.findings) console.log(kind, text, stack);
  const each = [...result.states.keys()].map((text) => {
    const { ops, ms } = (JSON.parse(text).results as { one: Timed }).one;
    return (ms * 1e6) / ops;
  });
  return each.sort((a, b) => a - b)[each.length >> 1] as number;
}

const plain = await nanoseconds('plain-copy');
for (const name of PARTS) {
  const ns = name === 'plain-copy' ? plain : await nanoseconds(name);
  const perSecond = Math.round(1e9 / ns).toLocaleString('en');
  const ratio = (ns / plain).toFixed(1).padStart(7);
  console.log(
    `${name.padEnd(24)} ${ns.toFixed(0).padStart(6)} ns a page ${perSecond.padStart(12)}/s ${ratio} plain copies`,
  );
}
