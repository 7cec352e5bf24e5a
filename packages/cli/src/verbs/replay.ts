/** `faultline replay`: one execution again, step for step, from a token or a file. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import pc from 'picocolors';
import { ExitCode, UsageError } from '../exit.ts';
import { PageWriter } from '../report/html-files.ts';
import { replayPage } from '../report/html-results.ts';
import { replayMail } from '../report/mail.ts';
import { changes } from '../report/text.ts';
import { stoppable } from '../run/interrupt.ts';
import type { ReplayResult } from '../run/job.ts';
import { Pool } from '../run/pool.ts';
import { isFile, knownVariants, resolveTargets } from '../targets.ts';
import { contentsOf, scenarioOf, tokenText } from '../token.ts';
import { type Reporter, reporterOption, withOption } from './options.ts';

interface ReplayOptions {
  readonly with?: readonly string[];
  readonly reporter: Reporter;
  readonly trace?: true;
}

export function registerReplay(program: Command): void {
  program
    .command('replay')
    .argument('<token>', 'a token that check printed, or a file that it wrote')
    .argument('[file]', 'the scenario file, if the scenario is not one of the catalogue')
    .description('run one execution again, step for step; refuses one that no longer fits the program')
    .addOption(withOption())
    .addOption(reporterOption())
    .option('--trace', 'print every event')
    .action(async (token: string, file: string | undefined, options: ReplayOptions) => {
      process.exitCode = await replay(token, file, options);
    });
}

async function replay(given: string, file: string | undefined, options: ReplayOptions): Promise<number> {
  const text = tokenText(given, isFile(given) || existsSync(given));
  const name = scenarioOf(text);
  // Loads the steps that the token may leave out; the variant is known only after that.
  const plain = await resolveTargets([file ?? name], []);
  const contents = contentsOf(text);
  const variants = options.with ?? variantsOf(contents.variant);
  const targets = variants.length === 0 ? plain : await resolveTargets([file ?? name], variants);
  const target = targets.find(({ scenario }) => scenario.name === name);
  if (target === undefined) {
    const has = targets.map(({ scenario }) => scenario.name).join(', ');
    throw new UsageError(`${file} has no scenario '${name}', which the token is of; it has ${has}`);
  }
  const asPage = options.reporter.startsWith('html');
  const pool = new Pool(1);
  const result = await stoppable(pool, () =>
    pool.run({ kind: 'replay', module: target.module, scenario: name, contents, recording: asPage }),
  );
  if (!result.exact) throw new UsageError(stale(result));
  if (asPage) {
    const { title, source } = target.scenario;
    const changed = changes({ without: contents.stepsOff, variant: contents.variant });
    const again = file === undefined ? target.arguments : [file];
    const replayed = { title, source, changes: changed, given: given.trim(), again };
    process.stdout.write(replayPage(result, replayed, new PageWriter(options.reporter)));
  } else if (options.reporter === 'json') {
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } else if (options.reporter === 'mail') {
    process.stdout.write(replayMail(result));
  } else {
    process.stdout.write(asText(result, options.trace === true));
  }
  return result.violated ? ExitCode.FINDING : ExitCode.CLEAN;
}

/** A variant of a user's has to be given again as a file. */
function variantsOf(variant: string): string[] {
  const names = variant === '' ? [] : variant.split('+');
  const known = knownVariants();
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new UsageError(
      `the token was made with '${name}', which is no variant of the project: add --with FILE`,
    );
  }
  return names;
}

function stale({ scenario, divergence }: ReplayResult): string {
  return [
    `stale token: ${scenario} is no longer the program it was made from.`,
    divergence,
    `Run 'npx faultline check ${scenario}' for a new one.`,
  ].join('\n');
}

function asText(result: ReplayResult, trace: boolean): string {
  const lines = [`${result.violated ? pc.red('violated') : pc.green('holds')}  ${pc.bold(result.scenario)}`];
  for (const line of result.says.split('\n')) if (line !== '') lines.push(`  ${line}`);
  lines.push('', result.diagram.trimEnd(), '');
  if (trace) lines.push(result.trace.trimEnd(), '');
  lines.push(`  replayed exactly; arena ${result.arenaHash}`);
  return `${lines.join('\n')}\n`;
}
