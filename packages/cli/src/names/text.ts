/** Entries of the table of names in words. */
import pc from 'picocolors';
import { count } from '../run/progress.ts';
import type { Entry, Reach } from './table.ts';

/** 'kvm_zap_gfn_range()' for a function, with the file of the kernel; the name here for what the kernel does not have. */
export function titleOf({ place, kernel }: Entry): string {
  const { kind, name } = place.declaration;
  const call = kind === 'task' || kind === 'function' ? '()' : '';
  if (kernel.length === 0) return `${name}${call}`;
  return kernel.map((k) => `${k.name}${call}${k.file === '' ? '' : `  ${k.file}`}`).join(', ');
}

/** 'packages/kvm/src/x86/tdp-zap.ts:22 zapLeafs()' */
export function placeOf({ place: { file, declaration } }: Entry): string {
  const { line, name, kind } = declaration;
  const call = kind === 'task' || kind === 'function' ? '()' : '';
  return `${file}:${line} ${name}${call}`;
}

const SHOWN = 8;

/** All that is known of one function. */
export function entryLines(entry: Entry): string[] {
  const { steps, mutants, reach } = entry;
  const lines = [pc.bold(titleOf(entry)), `  here      ${placeOf(entry)}`, ...heldLines(reach)];
  lines.push(
    ...listed(
      'steps',
      steps.map(({ name, line }) => `${name} (line ${line})`),
      'none',
      12,
    ),
  );
  lines.push(...listed('scenarios', reachedBy(reach), noReach(entry), SHOWN));
  const changed = mutants.map(
    ({ name, says, expect }) => `${name}: ${says} ${pc.dim(`[${outcome(expect)}]`)}`,
  );
  lines.push(...listed('changes', changed, 'none recorded', SHOWN));
  return lines;
}

function outcome(expect: Entry['mutants'][number]['expect']): string {
  if ('caught' in expect) return `caught by ${expect.caught}`;
  if ('covered' in expect)
    return `covered: breaks ${expect.covered} only together with ${expect.with.join(', ')}`;
  return 'equivalent' in expect ? 'equivalent' : 'elsewhere';
}

/** Locks and sections, with in how many of the scenarios that pass here they are held. Only what was seen. */
export function heldLines(reach: readonly Reach[]): string[] {
  if (reach.length === 0) return [];
  const names = [...new Set(reach.flatMap(({ always, atTimes }) => [...always, ...atTimes]))].sort();
  const said = names
    .map((name) => {
      const throughout = reach.filter(({ always }) => always.includes(name)).length;
      const atTimes = reach.filter((one) => one.atTimes.includes(name)).length;
      return { name, throughout, says: `${name}: ${howHeld(throughout, atTimes, reach.length)}` };
    })
    .sort((a, b) => b.throughout - a.throughout);
  const lines = listed(
    'held',
    said.map(({ says }) => says),
    'nothing',
    12,
  );
  const executions = reach.reduce((sum, one) => sum + one.executions, 0);
  const partly = reach.filter(({ exhaustive }) => !exhaustive).length;
  const extent = partly === 0 ? 'all that there are' : `all that there are in all but ${partly}`;
  lines.push(
    pc.dim(`            as seen in ${count(executions)} executions of ${plural(reach.length)}, ${extent}`),
  );
  return lines;
}

/** What is held in every execution of every scenario that passes here, and what in some. For one line. */
export function heldInAll(reach: readonly Reach[]): {
  readonly always: string[];
  readonly atTimes: string[];
} {
  const names = [...new Set(reach.flatMap(({ always, atTimes }) => [...always, ...atTimes]))].sort();
  const always = names.filter((name) => reach.every((one) => one.always.includes(name)));
  return { always, atTimes: names.filter((name) => !always.includes(name)) };
}

function howHeld(throughout: number, atTimes: number, all: number): string {
  if (throughout === all) return `throughout, in ${all === 1 ? 'the one scenario' : `all ${all} scenarios`}`;
  const parts: string[] = [];
  if (throughout > 0) parts.push(`throughout in ${throughout} of ${all} scenarios`);
  if (atTimes > 0) parts.push(`at times in ${atTimes}`);
  return parts.join(', ');
}

function reachedBy(reach: readonly Reach[]): string[] {
  return [...reach]
    .sort((a, b) => a.executions - b.executions)
    .map(
      ({ scenario, executions, exhaustive }) =>
        `${scenario} (${count(executions)}${exhaustive ? '' : ', in part'})`,
    );
}

function noReach({ place }: Entry): string {
  if (place.declaration.kind === 'member') return 'not looked for: a part of a declaration';
  return 'none passes here while its threads run (some may during set-up)';
}

/** 'name      first' and the rest below; a list that is too long says how much longer. */
export function listed(name: string, items: readonly string[], none: string, most: number): string[] {
  const shown = items.length > most ? [...items.slice(0, most), `and ${items.length - most} more`] : items;
  return (shown.length === 0 ? [none] : shown).map(
    (item, i) => `  ${(i === 0 ? name : '').padEnd(10)}${item}`,
  );
}

function plural(n: number): string {
  return n === 1 ? 'one scenario' : `${n} scenarios`;
}
