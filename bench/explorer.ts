/**
 * What exploring costs: executions and steps a second, beside the same executions driven by recorded schedules with no
 * explorer. The target is at most 3 times the bare generators, per execution, median of 5.
 */
import type { AnyScenario } from '@faultline/machine';
import { Explorer } from '../packages/explore/src/explore.ts';
import { Optimal } from '../packages/explore/src/optimal.ts';
import * as classic from '../packages/explore/src/programs/classic.ts';
import { deepCalls } from '../packages/explore/src/programs/deep.ts';
import { fastPageFault } from '../packages/explore/src/programs/kvm-cores.ts';
import type { Schedule } from '../packages/explore/src/schedule.ts';
import { openSession } from '../packages/explore/src/session.ts';
import { scheduleOf } from '../packages/explore/src/trace.ts';

const TARGET = 3;
const ROUNDS = 5;
/** A round repeats a small program until it took about this long. */
const ROUND_MS = 150;

const programs: [string, AnyScenario][] = [
  ['lastzero(10)', classic.lastzero(10)],
  ['readers(13)', classic.readers(13)],
  ['fast page fault, 3 vCPUs', fastPageFault(3)],
  ['casw(4)', classic.casw(4)],
  ['lockinc(6)', classic.lockinc(6)],
  ['filesystem(18)', classic.filesystem(18)],
  ['fib(4)', classic.fib(4)],
  ['deep calls', deepCalls()],
];

interface Row {
  readonly name: string;
  readonly executions: number;
  readonly depth: number;
  /** Microseconds for each execution. */
  readonly explored: number;
  readonly bare: number;
  readonly stepsPerSecond: number;
}

function measure(name: string, program: AnyScenario): Row {
  const schedules = schedulesOf(program);
  const explored: number[] = [];
  const bare: number[] = [];
  let stepsPerSecond = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const { us, steps } = timeExplored(program);
    const plain = timeBare(program, schedules);
    if (round === 0) continue;
    explored.push(us);
    bare.push(plain);
    stepsPerSecond = steps;
  }
  const depth = Math.max(...schedules.map((s) => s.threads.length));
  return {
    name,
    executions: schedules.length,
    depth,
    explored: median(explored),
    bare: median(bare),
    stepsPerSecond,
  };
}

/** Processor time, not the clock's: other programs on the machine must not show. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function timeExplored(program: AnyScenario): { us: number; steps: number } {
  let executions = 0;
  let steps = 0;
  let ms = 0;
  while (ms < ROUND_MS) {
    const explorer = new Explorer(program, {});
    ms += cpuMs(() => explorer.run(Number.POSITIVE_INFINITY));
    const { counts } = explorer.result();
    explorer.close();
    executions += counts.complete + counts.deadlocked;
    steps += counts.steps;
  }
  return { us: (ms * 1000) / executions, steps: (steps * 1000) / ms };
}

function timeBare(program: AnyScenario, schedules: readonly Schedule[]): number {
  const { run } = openSession(program, {});
  const compact = schedules.map((s) => ({
    threads: Uint8Array.from(s.threads),
    choices: Uint8Array.from(s.choices),
  }));
  let executions = 0;
  let ms = 0;
  while (ms < ROUND_MS) {
    ms += cpuMs(() => {
      for (const { threads, choices } of compact) {
        run.start();
        for (let i = 0; i < threads.length; i++) run.step(threads[i], choices[i]);
      }
    });
    executions += compact.length;
  }
  return (ms * 1000) / executions;
}

function schedulesOf(program: AnyScenario): Schedule[] {
  const session = openSession(program, {});
  session.search.use(new Optimal(session.search, {}));
  const schedules: Schedule[] = [];
  while (session.search.next() >= 0) schedules.push(scheduleOf(session));
  return schedules;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

const only = process.argv[2];
let missed = 0;
console.log(
  'program                    executions steps   explored      rate       steps/s      bare  ratio',
);
for (const [name, program] of programs) {
  if (only !== undefined && !name.includes(only)) continue;
  const row = measure(name, program);
  const ratio = row.explored / row.bare;
  if (ratio > TARGET) missed++;
  console.log(
    [
      name.padEnd(26),
      String(row.executions).padStart(10),
      String(row.depth).padStart(5),
      `${row.explored.toFixed(1)} us`.padStart(11),
      `${Math.round(1e6 / row.explored).toLocaleString('en')}/s`.padStart(10),
      `${Math.round(row.stepsPerSecond).toLocaleString('en')}/s`.padStart(13),
      `${row.bare.toFixed(1)} us`.padStart(9),
      ratio.toFixed(2).padStart(6),
    ].join(' '),
  );
}
console.log(
  missed === 0 ? `all within ${TARGET} times the bare generators` : `${missed} above ${TARGET} times`,
);
