/** `faultline check`: every interleaving of a scenario, or the shortest one that breaks it. */

import type { ModelName } from '@faultline/explore';
import type { Command } from 'commander';
import { ExitCode, worst } from '../exit.ts';
import { exitCodeOfCheck } from '../mutate/campaign.ts';
import { type Audited, auditTable } from '../report/audit.ts';
import { PageWriter } from '../report/html-files.ts';
import { checkPages } from '../report/html-results.ts';
import { checkMail } from '../report/mail.ts';
import { checkText } from '../report/text.ts';
import { stoppable } from '../run/interrupt.ts';
import { type CheckJob, type CheckResult, executionsOf, type Mode } from '../run/job.ts';
import { Interrupted, Pool } from '../run/pool.ts';
import { progressLine } from '../run/progress.ts';
import { recordTimes } from '../sizes.ts';
import { resolveTargets, type Target } from '../targets.ts';
import {
  type BoundOptions,
  boundOptions,
  boundsOf,
  modelOption,
  modeOption,
  type Reporter,
  reporterOption,
  withOption,
  withoutOption,
} from './options.ts';

interface CheckOptions extends BoundOptions {
  readonly without?: readonly string[];
  readonly with?: readonly string[];
  readonly mode: Mode;
  readonly model: ModelName;
  readonly reporter: Reporter;
  readonly trace?: true;
  readonly robust?: true;
  readonly locks?: true;
}

export function registerCheck(program: Command): void {
  const command = program
    .command('check')
    .argument(
      '[scenario...]',
      'scenarios, areas, or TypeScript files that export scenarios; all when left out',
    )
    .description('run every interleaving; print a verdict, and a diagram of what breaks')
    .addOption(withoutOption())
    .addOption(withOption())
    .addOption(modeOption())
    .addOption(modelOption());
  for (const option of boundOptions()) command.addOption(option);
  command
    .addOption(reporterOption())
    .option('--robust', 'whether x86-TSO has final states that sequential consistency has not')
    .option('--locks', 'with --reporter json: every lock that was asked for, and what was held then')
    .option('--trace', 'print every event of the execution that breaks')
    .action(async (names: string[], options: CheckOptions) => {
      process.exitCode = await check(names, options);
    });
}

async function check(names: readonly string[], options: CheckOptions): Promise<number> {
  const targets = await resolveTargets(names, options.with ?? []);
  const line = progressLine();
  const pool = new Pool(2, (progress) => line.show(progress));
  return stoppable(pool, async () => {
    const running = targets.map((target) => pool.run(jobOf(target, options)));
    for (const run of running) run.catch(() => {});
    const results: CheckResult[] = [];
    const audited: Audited[] = [];
    const pages = new PageWriter(options.reporter);
    let begun = true;
    for (const [i, run] of running.entries()) {
      const result = await run.catch((error: unknown) => {
        if (error instanceof Interrupted) return null;
        line.clear();
        throw error;
      });
      if (result === null) {
        begun = false;
        continue;
      }
      results.push(result);
      const { audit } = (targets[i] as Target).scenario;
      if (audit !== undefined) audited.push({ row: audit, result });
      line.clear();
      if (options.reporter !== 'json') print(result, targets[i] as Target, options, pages);
    }
    if (options.model === 'sc' && options.robust !== true) recordTimes(results);
    if (options.reporter === 'json') process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
    else if (targets.length > 1) {
      if (options.reporter === 'text') process.stdout.write(auditTable(audited));
      process.stdout.write(summary(results, targets.length));
    }
    return worst([...results.map(exitCodeOfCheck), begun ? ExitCode.CLEAN : ExitCode.INCOMPLETE]);
  });
}

function jobOf({ scenario, module, variant }: Target, options: CheckOptions): CheckJob {
  return {
    kind: 'check',
    module,
    scenario: scenario.name,
    without: options.without ?? [],
    variant,
    mode: options.mode,
    model: options.robust === true ? 'tso' : options.model,
    ...(options.robust === true ? { robust: true } : {}),
    bounds: boundsOf(options),
    explain: true,
    compare: true,
    locks: options.locks === true,
    recording: options.reporter.startsWith('html'),
  };
}

function print(
  result: CheckResult,
  target: Target,
  { reporter, trace }: CheckOptions,
  pages: PageWriter,
): void {
  const again = target.arguments;
  if (reporter === 'mail') process.stdout.write(checkMail(result, again));
  else if (reporter === 'text') process.stdout.write(checkText(result, { again, trace: trace === true }));
  else process.stdout.write(checkPages(result, again, pages));
}

/** '14 scenarios: 12 verified, 1 violated, 1 inconclusive; 12,345 executions' */
function summary(results: readonly CheckResult[], asked: number): string {
  const tally = new Map<string, number>();
  for (const { verdict, expected } of results) {
    const word = expected && verdict === 'violated' ? 'violated as expected' : verdict;
    tally.set(word, (tally.get(word) ?? 0) + 1);
  }
  if (results.length < asked) tally.set('not begun', asked - results.length);
  const parts = [...tally].map(([word, n]) => `${n} ${word}`);
  const executions = results.reduce((sum, r) => sum + executionsOf(r), 0);
  return `\n${asked} scenarios: ${parts.join(', ')}; ${executions} executions\n`;
}
