/** `faultline list`: what there is to check, how large it is, where it comes from. */
import type { AnyScenario } from '@faultline/machine';
import type { Command } from 'commander';
import pc from 'picocolors';
import { loadCatalogue } from '../catalogue.ts';
import { count, duration } from '../run/progress.ts';
import { areaOf, select } from '../scenarios.ts';
import { readSizes, readTimes, type Size } from '../sizes.ts';

export function registerList(program: Command): void {
  program
    .command('list')
    .argument('[area...]', 'areas or scenarios; all when left out')
    .option('--json', 'one JSON array, for programs')
    .description('list scenarios: name, title, executions and steps, time here, source')
    .action(async (names: string[], options: { json?: true }) => {
      const { scenarios } = await loadCatalogue();
      const chosen = names.length === 0 ? scenarios : select(scenarios, names);
      const rows = chosen.map(rowOf(readSizes(), readTimes()));
      process.stdout.write(options.json ? `${JSON.stringify(rows, null, 2)}\n` : asText(rows));
    });
}

interface Row {
  readonly name: string;
  readonly area: string;
  readonly title: string;
  readonly source: string;
  readonly defends: readonly string[];
  readonly deep: boolean;
  readonly expect: 'verified' | 'violated';
  readonly size: Size | null;
  /** Milliseconds, null if it never ran here. */
  readonly time: number | null;
}

function rowOf(sizes: Readonly<Record<string, Size>>, times: Readonly<Record<string, number>>) {
  return ({ name, title, source, defends, deep, expect }: AnyScenario): Row => ({
    name,
    area: areaOf(name),
    title,
    source,
    defends,
    deep: deep === true,
    expect: expect ?? 'verified',
    size: sizes[name] ?? null,
    time: times[name] ?? null,
  });
}

function asText(rows: readonly Row[]): string {
  const width = Math.max(0, ...rows.map(({ name }) => name.length));
  const lines = rows.map((row) => {
    const { name, title, size, time, source } = row;
    const executions = (size === null ? '-' : count(size.executions)).padStart(7);
    const steps = (size === null ? '-' : String(size.steps)).padStart(4);
    const took = (time === null ? '-' : duration(time / 1000)).padStart(6);
    return `${name.padEnd(width)} ${executions} ${steps} ${took}  ${title}${marks(row)} ${pc.dim(`[${source}]`)}`;
  });
  const head = `${'scenario'.padEnd(width)}    runs  max   time`;
  return `${[pc.dim(head), ...lines].join('\n')}\n`;
}

function marks({ deep, expect }: Row): string {
  const words = [
    deep ? 'deep: runs by name only' : '',
    expect === 'violated' ? 'violated: a document is wrong' : '',
  ];
  const text = words.filter((word) => word !== '').join(', ');
  return text === '' ? '' : ` (${text})`;
}
