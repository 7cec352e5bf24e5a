/** Races and their effects in words, and two forms of the code side by side. */
import { type CheckResult, type Comparison, executionsOf, type Race } from '../run/job.ts';
import { count } from '../run/progress.ts';

/** 'happens and is harmless: ..., in 12 of 44 executions'. What was not explored to the end proves nothing. */
export function raceLine(result: CheckResult, { name, happened, harmful }: Race): string {
  const total = `of ${count(executionsOf(result))} executions`;
  const partly = result.bounds.length > 0 ? ' so far' : '';
  if (happened === 0) return `never happens${partly}: ${name}, in none ${total}`;
  if (harmful === 0) return `happens and is harmless${partly}: ${name}; in ${count(happened)} ${total}`;
  return `happens and breaks: ${name}; in ${count(happened)} ${total}, breaking ${count(harmful)}`;
}

export function comparisonLines(result: CheckResult, comparison: Comparison): string[] {
  const { other, otherExecutions, sometimes, shared, onlyHere, onlyThere } = comparison;
  const lines = [`  compared with ${other} (${count(otherExecutions)} executions):`];
  for (const [name, here, there] of sometimes) {
    lines.push(`    ${hits(here)} here, ${hits(there)} there: ${name}`);
  }
  const same = onlyHere.length === 0 && onlyThere.length === 0;
  lines.push(`    final states: ${count(shared)} in common${same ? ', no other' : ''}`);
  for (const state of onlyHere) lines.push(`      only ${result.scenario}: ${state}`);
  for (const state of onlyThere) lines.push(`      only ${other}: ${state}`);
  return lines;
}

function hits(n: number | null): string {
  return n === null ? '-' : count(n);
}
