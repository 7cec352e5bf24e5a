/**
 * Dirty logging on a worker thread, four levels of tables: pages a second that a harvest takes and arms, what a write of
 * the guest costs without logging, with it, and as the first after a harvest, and pages a second that a migration copies,
 * beside a plain copy of the same pages in the same process. `node bench/run.mjs dirty`
 */
import { timerOf } from './on-threads.ts';

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

const nanoseconds = await timerOf('bench/tasks/dirty.ts', 7);
const plain = await nanoseconds('plain-copy');
for (const name of PARTS) {
  const ns = name === 'plain-copy' ? plain : await nanoseconds(name);
  const perSecond = Math.round(1e9 / ns).toLocaleString('en');
  const ratio = (ns / plain).toFixed(1).padStart(7);
  console.log(
    `${name.padEnd(24)} ${ns.toFixed(0).padStart(6)} ns a page ${perSecond.padStart(12)}/s ${ratio} plain copies`,
  );
}
