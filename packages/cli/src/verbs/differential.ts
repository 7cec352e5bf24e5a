/** `faultline differential`: our KVM and Linux's, driven by one client, compared call by call. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Command, Option } from 'commander';
import { compareKvms, type Result } from '../differential/campaign.ts';
import type { KvmClient } from '../differential/client.ts';
import { type LinuxKvm, NoKvm, openLinuxKvm } from '../differential/linux-kvm.ts';
import { machineOf } from '../differential/machine.ts';
import type { Machine } from '../differential/our-kvm.ts';
import * as unchanged from '../differential/our-kvm.ts';
import { summaryJson, summaryText } from '../differential/text.ts';
import { ExitCode } from '../exit.ts';
import { host } from '../host.ts';
import { count } from '../run/progress.ts';
import { buildUserFile, changedBy } from '../targets.ts';
import { positive, stopOnSignal, withOption } from './options.ts';

interface DifferentialOptions {
  readonly calls: number;
  readonly guests: number;
  readonly seed: number;
  readonly json?: true;
  readonly with?: readonly string[];
}

const CALLS = 20_000;
const GUESTS = 500;

export function registerDifferential(program: Command): void {
  program
    .command('differential')
    .description("the same calls to our KVM and to Linux's /dev/kvm: results, errno values, exits, memory")
    .addOption(new Option('--calls <n>', 'ioctls to compare').argParser(positive).default(CALLS))
    .addOption(new Option('--guests <n>', 'small guests to compare').argParser(positive).default(GUESTS))
    .addOption(new Option('--seed <n>', 'fixes what is called').argParser(positive).default(1))
    .addOption(withOption())
    .option('--json', 'one JSON object, for programs')
    .action(async (options: DifferentialOptions) => {
      process.exitCode = await differential(options);
    });
}

async function differential(options: DifferentialOptions): Promise<number> {
  const variants = options.with ?? [];
  const ours = await oursOf(variants);
  const opened = open();
  if (opened === null) return ExitCode.INCOMPLETE;
  const { linux, machine } = opened;
  const stop = stopOnSignal();
  const started = performance.now();
  try {
    const { default: fc } = await import('fast-check');
    const result = await compareKvms(fc, ours.openOurKvm(machine), linux, machine, {
      calls: options.calls,
      guests: options.guests,
      seed: options.seed,
      signal: stop.signal,
      onProgress: progressOn(process.stderr, options),
    });
    const seconds = (performance.now() - started) / 1000;
    const summary = {
      result,
      kernel: linux.name,
      seconds,
      variant: variants.join('+'),
      again: againBy(options, variants),
    };
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    process.stdout.write(
      options.json ? `${JSON.stringify(summaryJson(summary), null, 2)}\n` : summaryText(summary),
    );
    return exitCodeOf(result, options);
  } finally {
    stop.dispose();
    linux.close();
  }
}

/** Null, and a line that says why, where there is nothing to compare with. */
function open(): { linux: LinuxKvm; machine: Machine } | null {
  let linux: LinuxKvm | null = null;
  try {
    linux = openLinuxKvm(host().root);
    return { linux, machine: machineOf(linux) };
  } catch (error) {
    linux?.close();
    if (!(error instanceof NoKvm)) throw error;
    process.stdout.write(`skipped: no /dev/kvm: ${error.message}\n`);
    return null;
  }
}

interface Ours {
  openOurKvm(machine: Machine): KvmClient;
}

/** Ours, over the system as it is or over a changed one. */
async function oursOf(variants: readonly string[]): Promise<Ours> {
  if (variants.length === 0) return unchanged;
  const file = path.join(host().root, 'packages/cli/src/differential/our-kvm.ts');
  const module = await buildUserFile(file, changedBy(variants));
  return (await import(pathToFileURL(module).href)) as Ours;
}

function againBy({ calls, guests, seed }: DifferentialOptions, variants: readonly string[]): string {
  const flags = [`--seed ${seed}`];
  if (calls !== CALLS) flags.push(`--calls ${calls}`);
  if (guests !== GUESTS) flags.push(`--guests ${guests}`);
  for (const variant of variants) flags.push(`--with ${variant}`);
  return `npx faultline differential ${flags.join(' ')}`;
}

function exitCodeOf(result: Result, { calls, guests }: DifferentialOptions): number {
  if (result.unexplained.length + result.unexplainedGuests.length > 0) return ExitCode.FINDING;
  return result.calls >= calls && result.guests >= guests ? ExitCode.CLEAN : ExitCode.INCOMPLETE;
}

const EVERY_MS_IN_LOGS = 10_000;

function progressOn(stream: NodeJS.WriteStream, plan: DifferentialOptions): (result: Result) => void {
  let last = performance.now();
  return ({ calls, guests }) => {
    const now = performance.now();
    if (!stream.isTTY && now - last < EVERY_MS_IN_LOGS) return;
    last = now;
    const text = `${count(calls)} of ${count(plan.calls)} calls, ${count(guests)} of ${count(plan.guests)} guests`;
    stream.write(stream.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  };
}
