/** `faultline stress`: the same scenarios on real threads, as fast as they run. */
import { runOnThreads } from '@faultline/threads';
import { type Command, Option } from 'commander';
import { ExitCode, UsageError, worst } from '../exit.ts';
import { count } from '../run/progress.ts';
import { compare } from '../stress/agreement.ts';
import { buildBundle, fileAmong, onThreads, requireSteps, type Skipped } from '../stress/plan.ts';
import { exitCodeOf, reportOf, type StressReport } from '../stress/report.ts';
import { reportText } from '../stress/text.ts';
import { resolveTargets, type Target } from '../targets.ts';
import { positive, seconds, stopOnSignal, withOption, withoutOption } from './options.ts';

interface StressOptions {
  readonly threads?: number;
  readonly time?: number;
  readonly runs?: number;
  readonly seed: number;
  readonly chaos?: true;
  readonly without?: readonly string[];
  readonly with?: readonly string[];
  readonly againstExplored?: true;
  readonly reporter: 'text' | 'json';
}

const DEFAULT_SECONDS = 2;
/** However short the time, a scenario runs this long. */
const LEAST_MS = 50;
const RUNS_AGAINST_EXPLORED = 5000;

export function registerStress(program: Command): void {
  program
    .command('stress')
    .argument('[scenario...]', 'scenarios or areas, or one TypeScript file; all when left out')
    .description('run scenarios on worker threads, one a CPU of the scenario, round after round')
    .addOption(new Option('--threads <n>', 'leave out scenarios that need more workers').argParser(positive))
    .addOption(
      new Option('--time <seconds>', 'for all scenarios together (default: 2 s each)').argParser(seconds),
    )
    .addOption(new Option('--runs <n>', 'runs of each scenario').argParser(positive))
    .addOption(new Option('--seed <n>', 'fixes choices and delays').argParser(positive).default(1))
    .option('--chaos', 'random delays before visible operations')
    .addOption(withoutOption())
    .addOption(withOption())
    .option(
      '--against-explored',
      `check that the explorer knows every final state seen; at least ${RUNS_AGAINST_EXPLORED} runs each, with --chaos`,
    )
    .addOption(
      new Option('--reporter <reporter>', 'how to print results').choices(['text', 'json']).default('text'),
    )
    .action(async (names: string[], options: StressOptions) => {
      process.exitCode = await stress(names, options);
    });
}

async function stress(names: readonly string[], options: StressOptions): Promise<number> {
  const file = fileAmong(names);
  const chosen = await resolveTargets(names, options.with ?? [], 'threads');
  const targets = chosen.filter(
    ({ scenario }) => !options.againstExplored || scenario.threadsOnly === undefined,
  );
  requireSteps(options.without ?? []);
  const { run, skipped } = onThreads(targets, names, options.threads);
  const bundle = await buildBundle(options.without ?? [], options.with ?? [], file);
  const stop = stopOnSignal();
  try {
    return await runAll(run, skipped, bundle, { ...options, file }, stop.signal);
  } finally {
    stop.dispose();
  }
}

type AllOptions = StressOptions & { readonly file: string | undefined };

async function runAll(
  targets: readonly Target[],
  skipped: readonly Skipped[],
  bundle: string,
  options: AllOptions,
  signal: AbortSignal,
): Promise<number> {
  const json = options.reporter === 'json';
  const width = Math.max(0, ...targets.map(({ scenario }) => scenario.name.length));
  const reports: StressReport[] = [];
  // Starting workers takes time too: what the last scenario spent on it is taken off the next one's share.
  const share = ((options.time ?? 0) * 1000) / targets.length;
  let overhead = 0;
  for (const target of targets) {
    if (signal.aborted) break;
    const before = performance.now();
    const report = await runOne(target, bundle, options, Math.max(LEAST_MS, share - overhead), signal);
    overhead = performance.now() - before - report.ms;
    reports.push(report);
    if (!json) process.stdout.write(reportText(report, width));
  }
  if (json) process.stdout.write(`${JSON.stringify({ scenarios: reports, skipped }, null, 2)}\n`);
  else process.stdout.write(summary(reports, skipped, targets.length));
  const begun = reports.length === targets.length && targets.length > 0;
  return worst([...reports.map(exitCodeOf), begun ? ExitCode.CLEAN : ExitCode.INCOMPLETE]);
}

async function runOne(
  target: Target,
  bundle: string,
  options: AllOptions,
  shareMs: number,
  signal: AbortSignal,
): Promise<StressReport> {
  const { scenario } = target;
  const against = options.againstExplored === true;
  const chaos = options.chaos === true || against;
  const { seed, runs, without = [] } = options;
  const progress = progressOn(process.stderr, scenario.name);
  const result = await runOnThreads(bundle, scenario.name, {
    seed,
    chaos,
    stepsOff: without,
    signal,
    onProgress: progress.show,
    ...bounds(options.time === undefined ? 0 : shareMs, runs, against),
  })
    .catch((error: Error) => {
      // What the project's own scenarios do wrong is our defect; what a user's file does wrong is to be told to the user.
      if (options.file === undefined) throw error;
      throw new UsageError(`${options.file}: ${error.message}\n${firstFrame(error)}`, { cause: error });
    })
    .finally(progress.clear);
  const again = [
    // What only threads can run has smaller scenarios beside it, which defend the same steps.
    options.file ??
      (scenario.threadsOnly === undefined ? scenario.name : (scenario.name.split('/')[0] as string)),
    ...without.flatMap((step) => ['--without', step]),
    ...(options.with ?? []).flatMap((variant) => ['--with', variant]),
  ];
  const compared = against && result.findings.length === 0;
  const explored = compared ? await compare(target, without, result.states) : null;
  return reportOf(scenario, result, { seed, chaos, again }, explored);
}

function bounds(ms: number, runs: number | undefined, against: boolean) {
  const least = against ? RUNS_AGAINST_EXPLORED : 0;
  if (runs !== undefined) return { rounds: Math.max(runs, least), ms };
  if (ms > 0) return { ms, minRounds: least };
  return against ? { rounds: least } : { ms: DEFAULT_SECONDS * 1000 };
}

function firstFrame({ stack = '' }: Error): string {
  return stack.split('\n').find((line) => /^\s+at .*\.ts:\d+/.test(line)) ?? '';
}

function progressOn(stream: NodeJS.WriteStream, scenario: string) {
  const began = performance.now();
  let shown = false;
  return {
    show(rounds: number, states: number) {
      const passed = performance.now() - began;
      if (!stream.isTTY || passed < 700) return;
      shown = true;
      const rate = count(Math.round((rounds / passed) * 1000));
      stream.write(`\r\x1b[K${scenario}: ${count(rounds)} runs, ${rate}/s, ${count(states)} final states`);
    },
    clear() {
      if (shown) stream.write('\r\x1b[K');
    },
  };
}

function summary(reports: readonly StressReport[], skipped: readonly Skipped[], asked: number): string {
  const lines = skipped.map(({ scenario, because }) => `not run   ${scenario}  ${because}`);
  const runs = reports.reduce((sum, { rounds }) => sum + rounds, 0);
  const codes = reports.map(exitCodeOf);
  const found = codes.filter((code) => code === ExitCode.FINDING).length;
  const parts = [`${count(runs)} runs`, found === 0 ? 'nothing found' : `${found} with a finding`];
  if (reports.length < asked) parts.push(`${asked - reports.length} not begun`);
  if (asked !== 1 || skipped.length > 0) lines.push(`${asked} scenarios on threads: ${parts.join(', ')}`);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
