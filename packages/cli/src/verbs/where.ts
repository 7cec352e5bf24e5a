/** `faultline where`: a function of the kernel, or of ours: where it is, what is held there, which steps and scenarios. */
import type { Command } from 'commander';
import { ExitCode, UsageError } from '../exit.ts';
import { type Entry, loadTable } from '../names/table.ts';
import { entryLines } from '../names/text.ts';
import { stoppable } from '../run/interrupt.ts';
import { Pool } from '../run/pool.ts';
import { either, near } from '../scenarios.ts';

export function registerWhere(program: Command): void {
  program
    .command('where')
    .argument('<name...>', "functions as the kernel names them: 'kvm_zap_gfn_range', or as we do")
    .option('--json', 'one JSON array, for programs')
    .description('where a function of the kernel is here: locks held, steps, scenarios, recorded changes')
    .action(async (names: string[], options: { json?: true }) => {
      process.exitCode = await where(names, options.json === true);
    });
}

async function where(names: readonly string[], json: boolean): Promise<number> {
  const pool = new Pool(2);
  const table = await stoppable(pool, () => loadTable(pool));
  const found = names.map((name) => {
    const plain = name.replace(/\(\)$/, '');
    const entries = table.find(plain);
    if (entries.length === 0) throw new UsageError(unknown(plain, table.names));
    return entries;
  });
  const entries = found.flat();
  if (json) process.stdout.write(`${JSON.stringify(entries.map(asJson), null, 2)}\n`);
  else process.stdout.write(`${entries.map((entry) => entryLines(entry).join('\n')).join('\n\n')}\n`);
  return ExitCode.CLEAN;
}

function unknown(name: string, names: readonly string[]): string {
  const close = near(
    name,
    names.filter((one) => one.length > 3),
  );
  const hint = close.length > 0 ? ` Did you mean ${either(close)}?` : '';
  return `the model has no function '${name}'.${hint}`;
}

function asJson({ place, kernel, steps, mutants, reach }: Entry) {
  const { file, declaration } = place;
  const { name, kind, line, end } = declaration;
  const changes = mutants.map((mutant) => ({ name: mutant.name, says: mutant.says }));
  return { name, kind, kernel, file, line, end, steps, changes, scenarios: reach };
}
