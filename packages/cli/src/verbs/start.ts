/** `faultline start`: the first screen. What is proved, how much of it is load-bearing, and what a broken one looks like. */
import type { Command } from 'commander';
import pc from 'picocolors';
import { loadCatalogue } from '../catalogue.ts';
import { ExitCode } from '../exit.ts';
import { type Campaign, exitCodeOf, exitCodeOfCheck } from '../mutate/campaign.ts';
import type { Row } from '../mutate/judge.ts';
import { headline, replayCommand, switches } from '../report/text.ts';
import { stoppable } from '../run/interrupt.ts';
import { type CheckResult, executionsOf } from '../run/job.ts';
import { Interrupted, Pool } from '../run/pool.ts';
import { count, duration, progressLine } from '../run/progress.ts';
import { areaOf } from '../scenarios.ts';
import { resolveTargets } from '../targets.ts';
import { runCampaign, score } from './mutate.ts';

/** The race that the project began with, in the code before its fix. */
const SHOWN = { scenario: 'memslots/stale-mmio-decision', variant: 'before-ee3d1570b586' };
/** The diagram takes what the other lines leave of the screen: one for each area, and these, npm's own four included. */
const SCREEN_LINES = 45;
const OTHER_LINES = 14;
/** Milliseconds after which what is left undone is said to be so. */
const BUDGET = 50_000;

export function registerStart(program: Command): void {
  program
    .command('start')
    .description('the first screen: all areas, the load-bearing score, and one race')
    .action(async () => {
      process.exitCode = await start();
    });
}

async function start(): Promise<number> {
  say(pc.bold("Faultline: KVM's memory-virtualization core, run over every interleaving."));
  const line = progressLine();
  const pool = new Pool(2, (progress) => line.show(progress));
  const deadline = setTimeout(() => pool.stop(), BUDGET);
  return stoppable(pool, async () => {
    const { scenarios } = await loadCatalogue();
    const areas = new Set(scenarios.map(({ name }) => areaOf(name))).size;
    const race = showRace(pool, areas);
    race.catch(() => {});
    const tables = await areaLines((text) => {
      line.clear();
      say(text);
    });
    const rows: Row[] = [];
    const done = await runCampaign(
      [],
      pool,
      {},
      { ...tables, rules: false, variants: false, onRow: (row) => rows.push(row) },
    ).catch((error: unknown) => {
      if (error instanceof Interrupted) return null;
      throw error;
    });
    line.clear();
    say(...scoreLines(done, rows), '');
    const shown = await race.catch((error: unknown) => {
      if (error instanceof Interrupted) return null;
      throw error;
    });
    say(...(shown === null ? [] : raceLines(shown)), ...NEXT);
    return done === null ? ExitCode.CLEAN : exitCodeOf(done);
  }).finally(() => clearTimeout(deadline));
}

const NEXT = [
  'Next:',
  '  npx faultline list                what there is to check',
  '  npx faultline mutate memslots     remove each load-bearing step and see what breaks',
  '  npx faultline check docs/examples/dirty-bit-lost.ts    a scenario of your own, in one file',
  'What it does not find: README.md, "What it does not find".',
];

/** One line an area, in the order of the catalogue, as soon as all of its scenarios are done. */
async function areaLines(print: (text: string) => void): Promise<{ onUnchanged(result: CheckResult): void }> {
  const { scenarios } = await loadCatalogue();
  const wanted = new Map<string, number>();
  for (const { name, deep } of scenarios) {
    if (deep !== true) wanted.set(areaOf(name), (wanted.get(areaOf(name)) ?? 0) + 1);
  }
  const waiting = [...wanted.keys()];
  const results: CheckResult[] = [];
  return {
    onUnchanged(result) {
      results.push(result);
      for (;;) {
        const area = waiting[0];
        const own = results.filter(({ scenario }) => areaOf(scenario) === area);
        if (area === undefined || own.length < (wanted.get(area) as number)) return;
        waiting.shift();
        print(areaLine(area, own));
      }
    },
  };
}

function areaLine(area: string, results: readonly CheckResult[]): string {
  const executions = results.reduce((sum, r) => sum + executionsOf(r), 0);
  const ms = results.reduce((sum, r) => sum + r.ms, 0);
  const bad = results.filter((result) => exitCodeOfCheck(result) !== ExitCode.CLEAN);
  const wrong = results.filter(({ expected }) => expected).length;
  const verdict =
    bad.length === 0 ? pc.green('as it should be') : pc.red(bad.map((r) => r.scenario).join(' '));
  const note = wrong > 0 ? `, ${wrong} show a document to be wrong` : '';
  const numbers = `${String(results.length).padStart(3)} ${results.length === 1 ? 'scenario ' : 'scenarios'} ${count(executions).padStart(9)} executions`;
  return `  ${area.padEnd(10)}${numbers} ${duration(ms / 1000).padStart(7)}  ${verdict}${note}`;
}

function scoreLines(done: Campaign | null, rows: readonly Row[]): string[] {
  // Variants are built one by one, which takes longer than a first screen may.
  if (done !== null) return [`${score(done.rows)}; variants: npx faultline mutate`];
  return [`${score(rows)}`, `  so far: stopped after ${BUDGET / 1000} s; 'npx faultline mutate' runs it all`];
}

async function showRace(pool: Pool, areas: number): Promise<CheckResult> {
  const [target] = await resolveTargets([SHOWN.scenario], [SHOWN.variant]);
  if (target === undefined) throw new Error(`no scenario ${SHOWN.scenario}`);
  return pool.run({
    kind: 'check',
    module: target.module,
    scenario: SHOWN.scenario,
    without: [],
    variant: target.variant,
    mode: 'optimal',
    model: 'sc',
    bounds: {},
    explain: true,
    lines: SCREEN_LINES - OTHER_LINES - areas,
  });
}

/** The diagram's own title says what the line above it says. */
const TITLE_LINES = 2;

function raceLines(result: CheckResult): string[] {
  const [finding] = result.findings;
  const what = `${SHOWN.scenario}, in the code ${SHOWN.variant.replace('-', ' ')}:`;
  if (finding === undefined) return [`${what} ${result.verdict}`];
  return [
    `${what} ${headline(result, finding)}`,
    '',
    ...finding.diagram.trimEnd().split('\n').slice(TITLE_LINES),
    switches(finding),
    replayCommand(result, finding, []),
  ];
}

function say(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
