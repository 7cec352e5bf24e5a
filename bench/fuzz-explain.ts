/**
 * Mutated logs without end, to see that nothing crashes or hangs.
 * Bundle with esbuild, then run: node fuzz-explain.mjs COUNT FILE... (the files are the logs to mutate)
 */
import { readFileSync } from 'node:fs';
import { everything } from '../packages/lockdep/src/testing/everything.ts';
import { mutate } from '../packages/lockdep/src/testing/mutate.ts';

const [count = '1000', ...files] = process.argv.slice(2);
const logs = files.map((f) => readFileSync(f, 'utf8').slice(0, 24_000));
if (logs.length === 0) throw new Error('expected: COUNT FILE...');
let slowest = 0;
let slowestSeed = 0;
const start = performance.now();
for (let seed = 0; seed < Number(count); seed++) {
  const i = seed % logs.length;
  const text = mutate(logs[i] ?? '', seed, logs[(seed * 7) % logs.length] ?? '');
  const before = performance.now();
  try {
    everything(text);
  } catch (error) {
    process.stdout.write(`seed ${seed} (${files[i]}): ${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = 1;
  }
  const took = performance.now() - before;
  if (took > slowest) {
    slowest = took;
    slowestSeed = seed;
  }
}
const seconds = (performance.now() - start) / 1000;
process.stdout.write(
  `${count} mutated logs in ${seconds.toFixed(0)} s; slowest ${slowest.toFixed(0)} ms (seed ${slowestSeed}); ${process.exitCode === 1 ? 'CRASHES' : 'no crash'}\n`,
);
