/**
 * What it costs to note every lock that is asked for: the same explorations with and without it. The target is at most
 * 30 % of the speed, over all; median of 5, taken in turns.
 */
import { scenarios } from '@faultline/scenarios';
import { Explorer } from '../packages/explore/src/explore.ts';

const TARGET = 0.3;
const ROUNDS = 5;
const MAX_EXECUTIONS = 1500;
const AREAS = ['memslots', 'locks', 'xen', 'hyperv', 'mmu', 'pi', 'hw'];

const only = process.argv[2];
const chosen = scenarios.filter(
  (s) => s.deep !== true && (only === undefined ? AREAS.includes(areaOf(s.name)) : areaOf(s.name) === only),
);
const areas = [...new Set(chosen.map((s) => areaOf(s.name)))];
let all = 0;
let allWith = 0;
console.log('area          without      with   costs');
for (const area of areas) {
  const without: number[] = [];
  const noted: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const a = cpuMs(area, false);
    const b = cpuMs(area, true);
    if (round === 0) continue;
    without.push(a);
    noted.push(b);
  }
  const [a, b] = [median(without), median(noted)];
  all += a;
  allWith += b;
  console.log(row(area, a, b));
}
console.log(row('all', all, allWith));
if ((allWith - all) / allWith > TARGET) process.exitCode = 1;

/** Processor time, not the clock's: other programs on the machine must not show. */
function cpuMs(area: string, lockUses: boolean): number {
  let ms = 0;
  for (const scenario of chosen) {
    if (areaOf(scenario.name) !== area) continue;
    const explorer = new Explorer(scenario, { lockUses, bounds: { maxExecutions: MAX_EXECUTIONS } });
    const before = process.cpuUsage();
    explorer.run(Number.POSITIVE_INFINITY);
    const { user, system } = process.cpuUsage(before);
    ms += (user + system) / 1000;
    explorer.close();
  }
  return ms;
}

function row(name: string, a: number, b: number): string {
  const costs = `${((1 - a / b) * 100).toFixed(0)} %`;
  return `${name.padEnd(10)} ${`${a.toFixed(0)} ms`.padStart(10)} ${`${b.toFixed(0)} ms`.padStart(9)} ${costs.padStart(7)}`;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

function areaOf(name: string): string {
  return name.slice(0, name.indexOf('/'));
}
