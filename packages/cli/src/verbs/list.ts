/** `faultline list`: what there is to check. */
import type { AnyScenario } from '@faultline/machine';
import type { Command } from 'commander';
import { loadCatalogue } from '../catalogue.ts';
import { areaOf, select } from '../scenarios.ts';

export function registerList(program: Command): void {
  program
    .command('list')
    .argument('[area...]', 'areas or scenarios; all when left out')
    .option('--json', 'one JSON array, for programs')
    .description('list scenarios: name, title, size, source')
    .action(async (names: string[], options: { json?: true }) => {
      const { scenarios } = await loadCatalogue();
      const chosen = names.length === 0 ? [...scenarios] : select(scenarios, names);
      process.stdout.write(options.json ? asJson(chosen) : asText(chosen));
    });
}

function asJson(scenarios: readonly AnyScenario[]): string {
  const rows = scenarios.map(({ name, title, source, defends, deep, expect }) => ({
    name,
    area: areaOf(name),
    title,
    source,
    defends,
    deep: deep === true,
    expect: expect ?? 'verified',
  }));
  return `${JSON.stringify(rows, null, 2)}\n`;
}

function asText(scenarios: readonly AnyScenario[]): string {
  const width = Math.max(0, ...scenarios.map((s) => s.name.length));
  return scenarios.map((s) => `${s.name.padEnd(width)}  ${s.title}  [${s.source}]\n`).join('');
}
