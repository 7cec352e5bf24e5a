/**
 * What the threads platform costs: each program of packages/scenarios/src/speed.ts alone on one worker and on two at
 * once, median over rounds. `node bench/run.mjs threads`.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runOnThreads } from '@faultline/threads';

const ROUNDS = 300;
const root = path.resolve(import.meta.dirname, '../../..');

/** Each program, and what one operation of it is. */
const rows: [program: string, operation: string][] = [
  ['raw-cmpxchg-32', 'Atomics.compareExchange, 32 bits'],
  ['cell-cmpxchg-32', 'cell32.cmpxchg'],
  ['raw-cmpxchg-64', 'Atomics.compareExchange, 64 bits'],
  ['cell-cmpxchg-64', 'cell64.cmpxchg'],
  ['cell-cmpxchg-53', 'cell53.cmpxchg'],
  ['raw-load-32', 'Atomics.load, 32 bits'],
  ['cell-read-once-32', 'cell32.readOnce'],
  ['mutex', 'mutex: lock, unlock'],
  ['spinlock', 'spinlock: lock, unlock'],
  ['rwlock-read', 'rwlock: read lock, unlock'],
  ['srcu-read', 'SRCU: read lock, unlock'],
];

interface Builder {
  buildThreads(root: string, options: { scenarioFile: string }): Promise<string>;
}

/** Median nanoseconds an operation of each thread; the first third of the rounds warms up. */
async function measure(bundle: string, name: string): Promise<number[]> {
  const { states, findings } = await runOnThreads(bundle, `speed/${name}`, { rounds: ROUNDS });
  if (findings.length > 0) throw new Error(`${name}: ${findings[0]?.text}`);
  // Each round is a final state of its own, in order: its results are times.
  const rounds = [...states.keys()]
    .slice(Math.floor(states.size / 3))
    .map((text) => JSON.parse(text).results);
  return Object.keys(rounds[0]).map((thread) => median(rounds.map((results) => results[thread])));
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] as number;
}

function show(ns: number): string {
  return (ns < 10_000 ? `${ns.toFixed(0)} ns` : `${(ns / 1000).toFixed(1)} us`).padStart(9);
}

function perSecond(times: number[]): string {
  return `${(times.reduce((sum, ns) => sum + 1e3 / ns, 0)).toFixed(2)} M/s`.padStart(10);
}

const url = pathToFileURL(path.join(root, 'packages/cli/build/threads-bundle.js')).href;
const { buildThreads } = (await import(url)) as Builder;
const bundle = await buildThreads(root, { scenarioFile: path.join(root, 'packages/scenarios/src/speed.ts') });
console.log(`${'operation'.padEnd(36)}  1 thread  2 threads, each  2 threads, all`);
for (const [program, operation] of rows) {
  const alone = await measure(bundle, program);
  const together = await measure(bundle, `${program}-together`);
  const each = together.map(show).join(' ');
  console.log(`${operation.padEnd(36)} ${show(alone[0])} ${each} ${perSecond(together)}`);
}
