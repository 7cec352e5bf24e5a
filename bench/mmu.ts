/**
 * Page faults per second on worker threads, four levels of tables, beside 64-bit compare-and-exchange in the same
 * process. `node bench/run.mjs mmu`
 */
import { timerOf } from './on-threads.ts';

const PARTS = ['raw', 'preparation', 'fast-logging', 'fast-no-logging', 'slow-logging'] as const;
const PAIRS = ['fast-different-frames', 'fast-same-frame'] as const;

const nanoseconds = await timerOf('bench/tasks/mmu.ts', 5);
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
