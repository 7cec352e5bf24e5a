/** `faultline demo`: what there is to look at. */
import { runOnThreads } from '@faultline/threads';
import { type Command, Option } from 'commander';
import pc from 'picocolors';
import { differences, type MigrationResults, migrationText, progressOf } from '../demo/migration.ts';
import { ExitCode, UsageError } from '../exit.ts';
import { count, duration } from '../run/progress.ts';
import { buildBundle, requireSteps } from '../stress/plan.ts';
import { positive, stopOnSignal, withOption, withoutOption } from './options.ts';

interface DemoOptions {
  readonly ring?: true;
  readonly chaos?: true;
  readonly runs: number;
  readonly seed: number;
  readonly without?: readonly string[];
  readonly with?: readonly string[];
}

const BY_LOG = 'dirty/page-left-behind';
const BY_RING = 'dirty/page-left-behind-by-ring';

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .argument('<what>', "'migrate': live migration of a guest that writes all the time, on worker threads")
    .description('run something to look at')
    .option('--ring', 'find dirty pages by dirty rings instead of KVM_GET_DIRTY_LOG')
    .option('--chaos', 'random delays before visible operations')
    .addOption(new Option('--runs <n>', 'migrations, one after the other').argParser(positive).default(1))
    .addOption(
      new Option('--seed <n>', 'fixes what the guest writes, and delays').argParser(positive).default(1),
    )
    .addOption(withoutOption())
    .addOption(withOption())
    .action(async (what: string, options: DemoOptions) => {
      if (what !== 'migrate') throw new UsageError(`no demo '${what}'; there is: faultline demo migrate`);
      process.exitCode = await migrate(options);
    });
}

async function migrate(options: DemoOptions): Promise<number> {
  const { without = [], chaos = false, seed, runs } = options;
  requireSteps(without);
  const bundle = await buildBundle(without, options.with ?? []);
  const stop = stopOnSignal();
  const progress = lineOn(process.stderr);
  const text = progressOf();
  let run = 0;
  const result = await runOnThreads(bundle, options.ring ? BY_RING : BY_LOG, {
    rounds: runs,
    seed,
    chaos,
    stepsOff: without,
    signal: stop.signal,
    onProgress: (rounds) => {
      run = rounds;
    },
    onWatch: (values) => progress.show(() => text(run, values)),
  }).finally(() => {
    progress.clear();
    stop.dispose();
  });
  const shown = [...result.states.keys()].at(-1);
  const finding = result.findings[0];
  const returned = finding === undefined ? resultsOf(shown) : finding.results;
  process.stdout.write(
    `live migration by ${options.ring ? 'dirty ring' : 'dirty log'}, 2 vCPUs that write at random\n`,
  );
  if (returned !== undefined && returned !== '') {
    const results = JSON.parse(returned) as MigrationResults;
    process.stdout.write(migrationText(results));
    for (const line of differences(results)) process.stdout.write(`${pc.red('differs')}   ${line}\n`);
  }
  if (finding !== undefined) {
    if (finding.kind !== 'always') process.stdout.write(`${pc.red(finding.kind)}   ${finding.text}\n`);
    process.stdout.write(`in migration ${count(finding.round)} of ${count(runs)}, seed ${seed}\n`);
    return ExitCode.FINDING;
  }
  const took = `${count(result.rounds)} of ${count(runs)} migrations, ${duration(result.ms / 1000)}`;
  process.stdout.write(
    `${pc.green('equal')}     memory is the same byte for byte, and each vCPU went on from its last write: ${took}\n`,
  );
  return result.rounds === runs ? ExitCode.CLEAN : ExitCode.INCOMPLETE;
}

/** The text of the results in the text of a final state. */
function resultsOf(state: string | undefined): string | undefined {
  return state === undefined
    ? undefined
    : JSON.stringify((JSON.parse(state) as { results: unknown }).results);
}

const EVERY_MS_IN_LOGS = 5000;

function lineOn(stream: NodeJS.WriteStream): { show(text: () => string): void; clear(): void } {
  let last = performance.now();
  let shown = false;
  return {
    show(text) {
      const now = performance.now();
      if (!stream.isTTY && now - last < EVERY_MS_IN_LOGS) return;
      last = now;
      shown = true;
      stream.write(stream.isTTY ? `\r\x1b[K${text()}` : `${text()}\n`);
    },
    clear() {
      if (shown && stream.isTTY) stream.write('\r\x1b[K');
    },
  };
}
