/** What `try` found, in words: a terminal's, or a mail's. */
import pc from 'picocolors';
import { checkMail, wrap } from '../report/mail.ts';
import { checkText, modelName } from '../report/text.ts';
import { executionsOf } from '../run/job.ts';
import { count } from '../run/progress.ts';
import type { Added } from './change.ts';
import type { Chosen } from './choose.ts';
import type { Pair, Relieved } from './judge.ts';

export interface Tried {
  readonly name: string;
  /** Functions that changed. */
  readonly changed: readonly string[];
  readonly chosen: Chosen;
  readonly pairs: readonly Pair[];
  readonly unneeded: readonly Added[];
  readonly added: readonly Added[];
  readonly relieved: readonly Relieved[];
  readonly again: readonly string[];
  readonly model: string;
}

export function triedText(tried: Tried): string {
  const { pairs, again } = tried;
  const lines = [`${pc.bold(tried.name)} changes ${tried.changed.join(', ')}`, `  ${reached(tried)}`, ''];
  for (const pair of pairs) lines.push(...pairLines(pair));
  lines.push('', ...stepLines(tried));
  for (const { after, became } of pairs) {
    if (became === 'worse') lines.push('', checkText(after, { again, trace: false }).trimEnd());
  }
  lines.push('', verdict(tried));
  return `${lines.join('\n')}\n`;
}

export function triedMail(tried: Tried): string {
  const { pairs, again } = tried;
  const lines = [...wrap(`${tried.name} changes ${tried.changed.join(', ')}.`), ...wrap(reached(tried)), ''];
  for (const pair of pairs.filter(isOfNote)) lines.push(...wrap(plain(pair), '  '));
  for (const line of stepLines(tried)) lines.push(...wrap(line.trim()));
  for (const { after, became } of pairs)
    if (became === 'worse') lines.push('', checkMail(after, again).trimEnd());
  lines.push('', ...wrap(verdict(tried)));
  return `${lines.join('\n')}\n`;
}

function reached({ chosen, pairs }: Tried): string {
  const executions = pairs.reduce((sum, p) => sum + executionsOf(p.before) + executionsOf(p.after), 0);
  const others = chosen.all - chosen.scenarios.length;
  const rest = others > 0 ? `; the other ${others} do not reach the change` : '';
  return `${chosen.scenarios.length} of ${chosen.all} scenarios run, ${count(executions)} executions before and after${rest}`;
}

function isOfNote({ became, gained, lost, after }: Pair): boolean {
  return became !== 'same' || gained.length > 0 || lost.length > 0 || after.bounds.length > 0;
}

const SHOWN = 4;

function pairLines(pair: Pair): string[] {
  const { became, gained, lost } = pair;
  const colour = became === 'worse' ? pc.red : became === 'better' ? pc.green : (text: string) => text;
  const lines = [`  ${colour(plain(pair))}`];
  for (const [sign, states] of [
    ['+', gained],
    ['-', lost],
  ] as const) {
    for (const state of states.slice(0, SHOWN)) lines.push(`      ${sign} ${state}`);
    if (states.length > SHOWN) lines.push(`      ${sign} and ${states.length - SHOWN} more`);
  }
  return lines;
}

/** 'memslots/x: verified -> violated; 2 final states gained, 0 lost' */
function plain({ before, after, became, gained, lost }: Pair): string {
  const same = before.expected ? `${after.verdict} as expected` : after.verdict;
  const change = before.verdict === after.verdict ? same : `${before.verdict} -> ${after.verdict}`;
  const word = became === 'same' ? '' : ` (${became})`;
  const bounds = [...before.bounds, ...after.bounds].map((bound) => `; ${bound}`).join('');
  const states =
    gained.length + lost.length === 0
      ? 'same final states'
      : `final states: ${count(gained.length)} gained, ${count(lost.length)} lost`;
  const runs = `${count(executionsOf(before))} -> ${count(executionsOf(after))} executions`;
  return `${after.scenario}: ${change}${word}; ${bounds === '' ? `${states}; ${runs}` : runs}${bounds}`;
}

function stepLines({ added, unneeded, relieved, pairs, model }: Tried): string[] {
  const lines = unneeded.map(
    ({ text, file, line }) =>
      `  ${pc.yellow('unneeded')}  new step ${text} (${file}:${line}): without it nothing changes in ${scenarios(pairs.length)}, under ${modelName(model)}`,
  );
  const needed = added.length - unneeded.length;
  if (needed > 0)
    lines.push(`  ${needed} new visible ${needed === 1 ? 'step is' : 'steps are'} noticed when left out`);
  for (const { mutant, scenario, always } of relieved) {
    const steps = mutant.off?.join(', ') ?? '';
    lines.push(
      `  ${pc.yellow('no longer needed')}  ${steps}: without it '${always}' of ${scenario} fell before, and holds now`,
    );
  }
  return lines;
}

function verdict({ pairs }: Tried): string {
  const n = (became: Pair['became']) => pairs.filter((pair) => pair.became === became).length;
  const states = pairs.filter(({ gained, lost }) => gained.length + lost.length > 0).length;
  const incomplete = pairs.filter(
    ({ before, after }) => before.bounds.length + after.bounds.length > 0,
  ).length;
  const parts = [`${n('worse')} worse`, `${n('better')} better`, `${n('same')} as before`];
  if (states > 0) parts.push(`final states differ in ${states}`);
  if (incomplete > 0) parts.push(`${incomplete} not explored to the end`);
  return `${scenarios(pairs.length)}: ${parts.join(', ')}`;
}

function scenarios(n: number): string {
  return n === 1 ? '1 scenario' : `${n} scenarios`;
}
