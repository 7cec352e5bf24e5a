/** `faultline mutate`: is every statement that closes a race needed, and would we notice? */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Step } from '@faultline/machine';
import type { Command } from 'commander';
import pc from 'picocolors';
import { catalogueModule, loadCatalogue } from '../catalogue.ts';
import { ExitCode } from '../exit.ts';
import { host } from '../host.ts';
import { type Campaign, campaign, exitCodeOf, exitCodeOfCheck, type Input } from '../mutate/campaign.ts';
import type { MutantVerdict, Row } from '../mutate/judge.ts';
import { stoppable } from '../run/interrupt.ts';
import { Interrupted, Pool } from '../run/pool.ts';
import { count, duration, progressLine } from '../run/progress.ts';
import { areaOf } from '../scenarios.ts';
import { catalogueWith } from '../targets.ts';
import { mutateAuto } from './mutate-auto.ts';
import { type BoundOptions, boundOptions, boundsOf, requireAreas } from './options.ts';

interface MutateOptions extends BoundOptions {
  readonly reporter: 'text' | 'json';
  readonly quiet?: true;
  readonly pictures?: true;
  readonly auto?: true;
  readonly record?: string;
  readonly refresh?: string;
}

export function registerMutate(program: Command): void {
  const command = program
    .command('mutate')
    .argument('[area...]', 'areas; all when left out')
    .description('remove or weaken each load-bearing step, and see whether a scenario notices')
    .option('--quiet', 'print only what is MISSED, and the score')
    .option('--pictures', 'in JSON: a diagram for each variant that is caught');
  command
    .option('--auto', 'weaken every atomic, fence and lock that has no name; --time is then for all of it')
    .option('--record <file>', 'with --auto: write the result there')
    .option('--refresh <file>', 'with --auto: an earlier result; try what is new or met by more scenarios');
  for (const option of boundOptions()) command.addOption(option);
  command
    .option('--reporter <reporter>', 'text or json', 'text')
    .action(async (areas: string[], options: MutateOptions) => {
      process.exitCode = await (options.auto === true ? mutateAuto : mutate)(areas, options);
    });
}

async function mutate(asked: readonly string[], options: MutateOptions): Promise<number> {
  const began = Date.now();
  const line = progressLine();
  const pool = new Pool(2, (progress) => line.show(progress));
  try {
    const done = await stoppable(pool, () =>
      runCampaign(asked, pool, options, { pictures: options.pictures === true }),
    );
    line.clear();
    const json = options.reporter === 'json';
    process.stdout.write(json ? asJson(done) : asText(done, options.quiet === true, Date.now() - began));
    return exitCodeOf(done);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    process.stdout.write('inconclusive: stopped before every change was tried\n');
    return ExitCode.INCOMPLETE;
  }
}

/** A change may let far more happen than the scenario was sized for. */
const MAX_EXECUTIONS = 100_000;

/** The campaign over the catalogue, on this pool. Also what the first screen shows the score of. */
export async function runCampaign(
  asked: readonly string[],
  pool: Pool,
  options: BoundOptions = {},
  hooks: Pick<Input, 'onRow' | 'onUnchanged' | 'rules' | 'pictures' | 'variants'> = {},
): Promise<Campaign> {
  const { scenarios, mutants } = await loadCatalogue();
  const known = [...new Set([...scenarios, ...mutants].map(({ name }) => areaOf(name)))].sort();
  requireAreas(asked, known);
  const modules = new Map<string, Promise<string>>([['', Promise.resolve(catalogueModule())]]);
  return campaign({
    ...hooks,
    areas: asked.length > 0 ? asked : known,
    scenarios,
    mutants,
    steps: await namedSteps(),
    attempt: async ({ scenario, off, variant, picture, most, model }) => {
      let module = modules.get(variant);
      if (module === undefined) {
        module = catalogueWith([variant]);
        modules.set(variant, module);
      }
      return pool.run({
        kind: 'check',
        module: await module,
        scenario,
        without: off,
        variant,
        mode: 'optimal',
        model: model ?? 'sc',
        bounds: { maxExecutions: most ?? MAX_EXECUTIONS, ...boundsOf(options) },
        explain: picture === undefined ? false : { diagramOf: picture },
      });
    },
  });
}

/** Names of all steps that the loaded catalogue declares. */
async function namedSteps(): Promise<string[]> {
  const machine = (await import(pathToFileURL(path.join(host().built, 'machine.js')).href)) as {
    allSteps(): Step[];
  };
  return machine.allSteps().map((step) => step.name);
}

const COLOURS: Readonly<Record<MutantVerdict, (text: string) => string>> = {
  caught: pc.green,
  covered: pc.green,
  equivalent: pc.dim,
  elsewhere: pc.yellow,
  MISSED: pc.red,
};

function asText(done: Campaign, quiet: boolean, ms: number): string {
  const lines: string[] = [];
  for (const area of done.areas) {
    const rows = done.rows.filter((row) => areaOf(row.name) === area && (!quiet || row.verdict === 'MISSED'));
    if (rows.length > 0) lines.push(pc.bold(area), ...rows.flatMap(rowLines), '');
  }
  for (const result of done.baseline) {
    if (exitCodeOfCheck(result) === ExitCode.CLEAN) continue;
    lines.push(`${pc.red(result.verdict)} without any change: ${result.scenario}`);
  }
  for (const text of done.unbroken) lines.push(`${pc.red('never falls')}, whatever is changed: ${text}`);
  lines.push(...totals(done), `${count(done.executions)} executions, ${duration(ms / 1000)}`);
  return `${lines.join('\n')}\n`;
}

function rowLines({ verdict, name, says, seen }: Row): string[] {
  const short = name.slice(areaOf(name).length + 1);
  return [
    `  ${COLOURS[verdict](verdict.padEnd(10))} ${short}: ${says}`,
    ...seen.map((text) => `             ${text}`),
  ];
}

function totals(done: Campaign): string[] {
  const clean = done.baseline.filter((result) => exitCodeOfCheck(result) === ExitCode.CLEAN).length;
  const broken = done.alwaysCount - done.unbroken.length;
  return [
    `unchanged: ${clean} of ${done.baseline.length} scenarios as they should be`,
    `rules: ${broken} of ${done.alwaysCount} fall to some change`,
    score(done.rows),
  ];
}

/** 'load-bearing: 31 of 38 changes are noticed (28 caught, 3 covered); 5 equivalent, 2 elsewhere, 0 MISSED' */
export function score(rows: readonly Row[]): string {
  const n = (verdict: MutantVerdict) => rows.filter((row) => row.verdict === verdict).length;
  const noticed = `${n('caught') + n('covered')} of ${rows.length}`;
  return `load-bearing: ${noticed} changes are noticed (${n('caught')} caught, ${n('covered')} covered); ${n('equivalent')} equivalent, ${n('elsewhere')} elsewhere, ${n('MISSED')} MISSED`;
}

function asJson(done: Campaign): string {
  const { areas, rows, unbroken, alwaysCount, executions, baseline } = done;
  const unchanged = baseline.map(({ scenario, verdict, expected }) => ({ scenario, verdict, expected }));
  return `${JSON.stringify({ areas, rows, unbroken, alwaysCount, executions, unchanged }, null, 2)}\n`;
}
