/** `faultline try`: a change to the model against what is there: what it breaks, what it makes unneeded. */
import type { ModelName } from '@faultline/explore';
import { type Command, Option } from 'commander';
import { catalogueModule, loadCatalogue } from '../catalogue.ts';
import { ExitCode, UsageError } from '../exit.ts';
import { loadTable, type Table } from '../names/table.ts';
import { stoppable } from '../run/interrupt.ts';
import { Interrupted, Pool } from '../run/pool.ts';
import { progressLine } from '../run/progress.ts';
import { buildCatalogue } from '../targets.ts';
import { type Comparison, comparisonSince, comparisonWith, goneFrom, labelled } from '../try/change.ts';
import { type Chosen, choose } from '../try/choose.ts';
import { exitCodeOf, pairs, relieved, runner, unneeded } from '../try/judge.ts';
import { type Tried, triedMail, triedText } from '../try/text.ts';
import { type BoundOptions, boundOptions, boundsOf, modelOption } from './options.ts';

interface TryOptions extends BoundOptions {
  readonly since?: string;
  readonly all?: true;
  readonly steps: boolean;
  readonly model: ModelName;
  readonly reporter: 'text' | 'json' | 'mail';
}

export function registerTry(program: Command): void {
  const command = program
    .command('try')
    .argument('[change]', 'a patch to packages/kvm, a variant, or a file that replaces one of it')
    .option('--since <ref>', 'compare the working tree with a commit instead')
    .option('--all', 'run every scenario, not only those that reach what is changed')
    .option('--no-steps', 'leave out the search for steps that nothing needs')
    .description('check a change to the model: verdicts, final states and steps, before and after')
    .addOption(modelOption());
  for (const option of boundOptions()) command.addOption(option);
  command
    .addOption(
      new Option('--reporter <reporter>', 'how to print').choices(['text', 'json', 'mail']).default('text'),
    )
    .action(async (change: string | undefined, options: TryOptions) => {
      process.exitCode = await tryChange(change, options);
    });
}

async function tryChange(given: string | undefined, options: TryOptions): Promise<number> {
  if ((given === undefined) === (options.since === undefined)) {
    throw new UsageError(
      "expected a patch or a file ('faultline try my.patch'), or --since REF, and not both",
    );
  }
  const name = given ?? `the working tree, since ${options.since},`;
  const comparison =
    given === undefined ? await comparisonSince(options.since ?? '') : await comparisonWith(given);
  const ids = comparison.files.flatMap(({ changed }) => changed);
  if (ids.length === 0) {
    process.stdout.write(`${name} changes no code of the model: white space and comments at most\n`);
    return ExitCode.CLEAN;
  }
  const line = progressLine();
  const pool = new Pool(2, (progress) => line.show(progress));
  try {
    const tried = await stoppable(pool, () => run(name, comparison, ids, pool, options));
    line.clear();
    process.stdout.write(asText(tried, options.reporter));
    return exitCodeOf(tried.pairs);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    process.stdout.write('inconclusive: stopped before every scenario was run\n');
    return ExitCode.INCOMPLETE;
  }
}

/** A change may let far more happen than the scenario was sized for. */
const MAX_EXECUTIONS = 100_000;

async function run(
  name: string,
  comparison: Comparison,
  ids: readonly string[],
  pool: Pool,
  options: TryOptions,
): Promise<Tried> {
  const { variant, again } = comparison;
  const how = {
    bounds: { maxExecutions: MAX_EXECUTIONS, ...boundsOf(options) },
    model: options.model,
  };
  const before = await moduleOf(comparison.before);
  const after = await moduleOf(comparison.after);
  const table = await loadTable(pool);
  const other = Object.keys(comparison.before.sources).length > 0 ? before : after;
  const chosen = options.all === true ? everything(table) : await choose(table, ids, other, pool);
  const [old, now] = [runner(pool, before, '', how), runner(pool, after, variant, how)];
  const done = await pairs(chosen.scenarios, old, now);
  const { changed, added } = options.steps ? labelled(comparison) : { changed: comparison.after, added: [] };
  const leaving = added.length === 0 ? now : runner(pool, await moduleOf(changed), variant, how);
  const { mutants } = await loadCatalogue();
  return {
    name,
    changed: ids.map((id) => titleOf(id, table)),
    chosen,
    pairs: done,
    added,
    unneeded: await unneeded(added, done, leaving),
    relieved: options.steps ? await relieved(goneFrom(comparison), mutants, done, old, now) : [],
    again,
    model: options.model,
  };
}

async function moduleOf(changed: Comparison['after']): Promise<string> {
  const isSame = changed.variants.length === 0 && Object.keys(changed.sources).length === 0;
  return isSame ? catalogueModule() : buildCatalogue(changed);
}

function everything({ scenarios, surveys }: Table): Chosen {
  const all = scenarios.filter(({ name }) => surveys.has(name));
  return { scenarios: all, seen: all.length, all: all.length };
}

/** 'kvm_swap_active_memslots()' where the kernel has a name for it. */
function titleOf(id: string, table: Table): string {
  const [, own = id] = id.split('#');
  const kernel = table.graph.places.get(id)?.declaration.kernel[0]?.name;
  return kernel === undefined ? own : `${kernel}()`;
}

function asText(tried: Tried, reporter: TryOptions['reporter']): string {
  if (reporter === 'text') return triedText(tried);
  if (reporter === 'mail') return triedMail(tried);
  const { chosen, ...rest } = tried;
  const scenarios = chosen.scenarios.map(({ name }) => name);
  const trimmed = rest.pairs.map((pair) => ({ ...pair, before: slim(pair.before), after: slim(pair.after) }));
  return `${JSON.stringify({ ...rest, scenarios, of: chosen.all, pairs: trimmed }, null, 2)}\n`;
}

function slim<T extends { readonly finals?: readonly string[] }>({ finals: _, ...result }: T) {
  return result;
}
