/** `faultline review`: a patch to the kernel beside the model: what of it the model knows. It judges nothing. */

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import pc from 'picocolors';
import { ExitCode, UsageError } from '../exit.ts';
import { type Entry, loadTable, type Table } from '../names/table.ts';
import { heldInAll, listed, placeOf } from '../names/text.ts';
import { type Against, rulesAgainst } from '../patch/lock-rules.ts';
import { parsePatch } from '../patch/parse.ts';
import { type FileTouched, LOCK_OPERATION, type Touched, touchedBy } from '../patch/touched.ts';
import { stoppable } from '../run/interrupt.ts';
import { Pool } from '../run/pool.ts';

export function registerReview(program: Command): void {
  program
    .command('review')
    .argument(
      '<patch>',
      "a patch to the kernel: .patch, .mbox, or '-' for stdin (git show | faultline review -)",
    )
    .option('--json', 'one JSON object, for programs')
    .description('what the model knows of the functions that a kernel patch touches; judges nothing')
    .action(async (file: string, options: { json?: true }) => {
      process.exitCode = await review(file, options.json === true);
    });
}

async function review(file: string, json: boolean): Promise<number> {
  const patch = parsePatch(contentsOf(file));
  if (patch.length === 0) {
    throw new UsageError(
      `${file === '-' ? 'stdin' : file} holds no diff; expected the output of 'git format-patch', 'git show' or 'git diff', or a mail with one`,
    );
  }
  const pool = new Pool(2);
  const table = await stoppable(pool, () => loadTable(pool));
  const touched = touchedBy(patch);
  process.stdout.write(
    json ? `${JSON.stringify(asJson(touched, table), null, 2)}\n` : asText(touched, table),
  );
  return ExitCode.CLEAN;
}

function contentsOf(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new UsageError(
      `${file}: cannot be read (${(error as Error).message}); expected a patch, or '-' for stdin`,
    );
  }
}

function asText(files: readonly FileTouched[], table: Table): string {
  const lines: string[] = [];
  for (const one of files) {
    lines.push(pc.bold(one.file === '' ? '(a diff that names no file)' : one.file));
    for (const touched of one.functions) lines.push(...functionLines(touched, table));
    lines.push(...outsideLines(one, table), '');
  }
  return `${[...lines, ...summary(files, table)].join('\n')}\n`;
}

/** Of the kernel's names only: a helper of ours that is called alike is another function. */
function known(name: string, table: Table): Entry[] {
  return table.hasKernelName(name) ? table.find(name) : [];
}

function functionLines(touched: Touched, table: Table): string[] {
  const { name, added, removed, locks } = touched;
  const entries = known(name, table);
  const head = `  ${pc.bold(`${name}()`)} +${added} -${removed}`;
  const lines = entries.length > 0 ? [head] : [`${head}  ${pc.yellow('not in the model')}`];
  for (const entry of entries) lines.push(...entryLines(entry).map((line) => `  ${line}`));
  const calls = callsOf(touched, table);
  const against = againstOf(entries, locks).map(
    ({ takes, held, rule }) => `${takes} with ${held} held, as it is here at times: ${rule}`,
  );
  const more = [
    ...(locks.length > 0 ? listed('the patch', locks, '', 8) : []),
    ...(against.length > 0 ? listed('against', against, '', 6) : []),
    ...(calls.length > 0 ? listed('calls', calls, '', 10) : []),
  ];
  return [...lines, ...more.map((line) => `  ${line}`)];
}

function againstOf(entries: readonly Entry[], locks: readonly string[]): Against[] {
  const held = entries.flatMap(({ reach }) => reach.flatMap((one) => [...one.always, ...one.atTimes]));
  return rulesAgainst(locks, [...new Set(held)].sort());
}

/** Locks, barriers, atomics and assertions: words that the model is written in too, so no part of it that is missing. */
const VOCABULARY = new RegExp(
  `^(?:${LOCK_OPERATION}|(?:READ|WRITE)_ONCE|(?:un)?likely|(?:WARN|BUG)_ON(?:_ONCE)?|KVM_(?:MMU_)?(?:WARN|BUG)_ON|lockdep_assert_\\w+|(?:__)?smp_\\w+|(?:try_)?(?:cmp)?xchg\\w*|atomic\\w*_\\w+|(?:test|set|clear)_(?:and_\\w+_)?bit|rcu_\\w+|srcu_dereference\\w*)$`,
);

function callsOf({ calls }: Touched, table: Table): string[] {
  const names = [...calls].filter((name) => !VOCABULARY.test(name));
  const modelled = names.filter((name) => table.hasKernelName(name));
  const others = names.filter((name) => !table.hasKernelName(name));
  const rest = others.length > 0 ? [`not in the model: ${others.join(', ')}`] : [];
  return [...modelled.map((name) => `${name}: ${table.find(name).map(placeOf).join('; ')}`), ...rest];
}

function entryLines(entry: Entry): string[] {
  const { steps, reach, mutants } = entry;
  const { always, atTimes } = heldInAll(reach);
  const lines = listed('modelled', [placeOf(entry)], '', 1);
  if (reach.length > 0) {
    const held = [
      `throughout: ${always.join(', ') || 'nothing'}`,
      ...(atTimes.length > 0 ? [`at times: ${atTimes.join(', ')}`] : []),
    ];
    lines.push(...listed('held', held, '', 2));
  }
  if (steps.length > 0)
    lines.push(
      ...listed(
        'steps',
        steps.map((step) => step.name),
        '',
        12,
      ),
    );
  const scenarios = reach.map(({ scenario }) => scenario);
  lines.push(...listed('scenarios', scenarios, 'none passes here', 6));
  const races = mutants.flatMap(({ name, says, expect }) =>
    'caught' in expect || 'covered' in expect ? [`${name}: ${says}`] : [],
  );
  if (races.length > 0) lines.push(...listed('races', races, '', 8));
  return lines;
}

/** Names of the model in what is no function: documentation, structs, prototypes. */
function outsideLines({ outside, words }: FileTouched, table: Table): string[] {
  if (outside === 0) return [];
  const names = [...words].filter((word) => table.hasKernelName(word));
  const lines = [`  outside functions: ${outside} changed ${outside === 1 ? 'line' : 'lines'}`];
  const said = names.flatMap((name) => namedLines(name, table));
  if (said.length > 0) lines.push(...listed('names', said, '', 48).map((line) => `  ${line}`));
  return lines;
}

/** A function that a document names, in three lines. */
function namedLines(name: string, table: Table): string[] {
  return table.find(name).flatMap((entry) => {
    const { always } = heldInAll(entry.reach);
    const scenarios = entry.reach.map(({ scenario }) => scenario);
    const more = scenarios.length > 3 ? ` and ${scenarios.length - 3} more` : '';
    const lines = [`${name}: ${placeOf(entry)}`];
    if (scenarios.length > 0) {
      lines.push(`  held throughout: ${always.join(', ') || 'nothing'}`);
      lines.push(`  scenarios: ${scenarios.slice(0, 3).join(', ')}${more}`);
    }
    return lines;
  });
}

interface Summary {
  readonly modelled: readonly string[];
  readonly notModelled: readonly string[];
  /** Scenarios that pass through a touched function, fewest executions first. */
  readonly scenarios: readonly string[];
}

function summed(files: readonly FileTouched[], table: Table): Summary {
  const names = [...new Set(files.flatMap(({ functions }) => functions.map(({ name }) => name)))];
  const modelled = names.filter((name) => table.hasKernelName(name));
  const reach = modelled.flatMap((name) => table.find(name)).flatMap((entry) => entry.reach);
  const ordered = [...reach].sort((a, b) => a.executions - b.executions).map(({ scenario }) => scenario);
  return {
    modelled,
    notModelled: names.filter((name) => !modelled.includes(name)),
    scenarios: [...new Set(ordered)],
  };
}

function summary(files: readonly FileTouched[], table: Table): string[] {
  const { modelled, notModelled, scenarios } = summed(files, table);
  const all = modelled.length + notModelled.length;
  if (all === 0) {
    const named = new Set(
      files.flatMap(({ words }) => [...words].filter((word) => table.hasKernelName(word))),
    );
    const says = named.size > 0 ? `; it names ${named.size} that the model has` : '';
    return [`The patch touches no function that can be told from its text${says}. Nothing is judged.`];
  }
  if (modelled.length === 0)
    return ['The model has none of the functions that this patch touches. It says nothing about it.'];
  const lines = [
    `${modelled.length} of ${all} touched ${all === 1 ? 'function is' : 'functions are'} in the model; ${scenarios.length} scenarios pass through them.`,
    'What is held is what was seen in executions of these scenarios, of our functions, not of the patched ones.',
  ];
  if (notModelled.length > 0) lines.push(`Not in the model, and not judged: ${notModelled.join(', ')}.`);
  if (scenarios.length > 0)
    lines.push(`Look at them: npx faultline check ${scenarios.slice(0, 6).join(' ')}`);
  return lines;
}

function asJson(files: readonly FileTouched[], table: Table) {
  return {
    files: files.map(({ file, functions, outside, words }) => ({
      file,
      outside,
      names: [...words].filter((word) => table.hasKernelName(word)),
      functions: functions.map(({ name, added, removed, calls, locks }) => ({
        name,
        added,
        removed,
        locks,
        against: againstOf(known(name, table), locks),
        calls: [...calls].map((call) => ({ name: call, modelled: table.hasKernelName(call) })),
        modelled: known(name, table).map((entry) => ({
          here: placeOf(entry),
          held: heldInAll(entry.reach),
          steps: entry.steps.map((step) => step.name),
          scenarios: entry.reach.map(({ scenario }) => scenario),
          races: entry.mutants.map((mutant) => mutant.name),
        })),
      })),
    })),
    ...summed(files, table),
  };
}
