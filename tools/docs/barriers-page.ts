/** docs/barriers.md: every ordering of packages/kvm and of the primitives below it, and what fails without it. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Mutant } from '@faultline/scenarios';
import { code, inRoot, type Page, page, table } from './page.ts';

/** One place in the sources that orders accesses. */
export interface Barrier {
  /** Path in the project. */
  readonly file: string;
  readonly line: number;
  /** As the kernel spells it: smp_mb(), smp_load_acquire(). */
  readonly what: string;
  /** 'area.step', or '' for one that is never left out alone. */
  readonly step: string;
  /** What the comment above it says. */
  readonly says: string;
}

const FOLDERS = ['packages/kvm/src', 'packages/machine/src'];
/** The primitives themselves, and what only passes them on. */
const NOT_USES = /^packages\/machine\/src\/(?:cell|op|index|platform|locks|futex|fields)\.ts$/;
const ORDERINGS: readonly [RegExp, string][] = [
  [/\bsmpMb\(/, 'smp_mb()'],
  [/\bsmpRmb\(/, 'smp_rmb()'],
  [/\bsmpWmb\(/, 'smp_wmb()'],
  [/\bsmpMbAfterAtomic\(/, 'smp_mb__after_atomic()'],
  [/\.smpStoreMb\(/, 'smp_store_mb()'],
  [/\.loadAcquire\(/, 'smp_load_acquire()'],
  [/\.storeRelease\(/, 'smp_store_release()'],
  [/\.assign\(/, 'rcu_assign_pointer()'],
];

export function barriersPage(mutants: readonly Mutant[]): Page {
  const barriers = allBarriers();
  const intro = [
    'Every statement that orders accesses, what its comment says that it pairs with, and what breaks when it is left out. A',
    'full barrier that x86 gets for free, because a locked instruction stands beside it, is expected to be equivalent there.',
    '*No scenario needs it* is a finding about this project, or about KVM.',
    '',
    `${barriers.length} orderings, ${barriers.filter(({ step }) => step !== '').length} with a name of their own.`,
  ].join('\n');
  const rows = barriers.map((barrier) => [
    `${code(barrier.what)}${barrier.step === '' ? '' : ` ${code(barrier.step)}`}`,
    barrier.file.replace('packages/', ''),
    barrier.says,
    withoutIt(barrier, mutants),
  ]);
  const body = table(['ordering', 'where', 'why', 'without it'], rows);
  return page('docs/barriers.md', 'Barriers, and what fails without each', `${intro}\n\n${body}`);
}

export function allBarriers(): Barrier[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(inRoot(folder), { recursive: true, encoding: 'utf8' })
      .map((file) => `${folder}/${file.split(path.sep).join('/')}`)
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !NOT_USES.test(file))
      .sort(),
  ).flatMap((file) => barriersIn(file, readFileSync(inRoot(file), 'utf8')));
}

/** Orderings in the text of one file. */
export function barriersIn(file: string, text: string): Barrier[] {
  const area = /^\s*\/\*\*[\s\S]*?@area (\w+)/.exec(text)?.[1] ?? '';
  const lines = text.split('\n');
  return lines.flatMap((line, i) => {
    const what = ORDERINGS.find(([pattern]) => pattern.test(line))?.[1];
    if (what === undefined || /^\s*(?:\*|\/\/|\/\*|import)/.test(line)) return [];
    const label = /^\s*(\w+): /.exec(line)?.[1];
    const named = /\bat\('([\w.]+)'\)/.exec(line)?.[1];
    const step = named ?? (label === undefined ? '' : `${area}.${label}`);
    return [{ file, line: i + 1, what, step, says: commentAbove(lines, i) }];
  });
}

function commentAbove(lines: readonly string[], i: number): string {
  const found: string[] = [];
  for (let at = i - 1; at >= 0; at--) {
    const text = /^\s*\/\/ ?(.*)$/.exec(lines[at] as string)?.[1];
    if (text === undefined) break;
    found.unshift(text);
  }
  return found.join(' ');
}

function withoutIt({ step, what }: Barrier, mutants: readonly Mutant[]): string {
  if (step === '') return 'never left out alone';
  const own = mutants.filter(({ off }) => off?.length === 1 && off[0] === step);
  const said = own.map(({ expect, model }) => {
    const where = model === undefined ? '' : ' under x86-TSO';
    if ('caught' in expect) return `${code(expect.caught)} fails${where}`;
    if ('covered' in expect)
      return `nothing, until ${expect.with.map(code).join(', ')} is gone too: ${code(expect.covered)}${where}`;
    return 'equivalent' in expect
      ? `no scenario needs it${where}: ${expect.equivalent}`
      : `not here: ${expect.elsewhere}`;
  });
  if (said.length > 0) return said.join('; ');
  return /pointer|acquire|release/.test(what)
    ? 'no change of the catalogue weakens it'
    : 'no scenario needs it';
}
