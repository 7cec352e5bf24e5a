/** The command line: verbs register themselves, errors become exit codes. */
import { Command, CommanderError } from 'commander';
import { ExitCode, UsageError } from './exit.ts';
import { type Host, setHost } from './host.ts';
import { registerCheck } from './verbs/check.ts';
import { registerDemo } from './verbs/demo.ts';
import { registerDifferential } from './verbs/differential.ts';
import { registerExplain } from './verbs/explain.ts';
import { registerList } from './verbs/list.ts';
import { registerLitmus } from './verbs/litmus.ts';
import { registerLocks } from './verbs/locks.ts';
import { registerMutate } from './verbs/mutate.ts';
import { registerReplay } from './verbs/replay.ts';
import { registerReview } from './verbs/review.ts';
import { registerStart } from './verbs/start.ts';
import { registerStress } from './verbs/stress.ts';
import { registerTry } from './verbs/try.ts';
import { registerWhere } from './verbs/where.ts';

/** Runs one command and returns its exit code. `argv` is without the program's name. */
export async function main(argv: readonly string[], host: Host): Promise<number> {
  setHost(host);
  process.stdout.on('error', endQuietly);
  const program = build();
  try {
    await program.parseAsync(argv as string[], { from: 'user' });
  } catch (error) {
    return report(error);
  }
  return Number(process.exitCode ?? ExitCode.CLEAN);
}

/** The program with all its verbs. */
export function build(): Command {
  const program = new Command('faultline')
    .description(
      "Checks KVM's locking claims over every interleaving of small scenarios, and on real threads.",
    )
    .addHelpText('after', HELP)
    .showHelpAfterError('(faultline --help lists the verbs)')
    .showSuggestionAfterError()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) })
    .exitOverride();
  registerStart(program);
  registerList(program);
  registerCheck(program);
  registerReplay(program);
  registerMutate(program);
  registerStress(program);
  registerDemo(program);
  registerLitmus(program);
  registerExplain(program);
  registerLocks(program);
  registerWhere(program);
  registerReview(program);
  registerTry(program);
  registerDifferential(program);
  for (const verb of program.commands) verb.exitOverride();
  return program;
}

const HELP = `
Exit codes, the same for every verb:
  0  nothing found, and exhaustive
  1  a finding
  2  bad input or usage
  3  nothing found, but incomplete: a bound was hit, and the output says which
  4  a defect of faultline itself

Results go to stdout, progress to stderr. NO_COLOR switches colours off.
Start with: npx faultline list`;

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.CLEAN : ExitCode.USAGE;
  if (error instanceof UsageError) {
    process.stderr.write(`faultline: ${error.message}\n`);
    return ExitCode.USAGE;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`faultline: a defect of faultline itself; please report it\n${text}\n`);
  return ExitCode.BUG;
}

/** `faultline list | head` closes the pipe early. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(ExitCode.CLEAN);
}
