import type { Explained } from '../explain.ts';
import { describeRepairs } from '../input/repairs.ts';
import { analyse } from '../reports/analysis.ts';
import type { Report } from '../reports/report.ts';
import type { RuleBook } from '../rules/rule.ts';
import { dataText } from './data-text.ts';
import { reportText } from './report-text.ts';
import { listOf, type Style, wrap } from './style.ts';

/** Which rules to hold against a report: a file the user gave, or the built-in table for its kernel. */
export type RulesFor = (report: Report) => RuleBook;

/** The whole answer for one input. */
export function explainText(x: Explained, rules: RulesFor, style: Style): string[] {
  const out: string[] = [];
  for (const found of x.found) {
    if (out.length > 0) out.push('', style.dim('-'.repeat(Math.min(72, style.width))), '');
    if (found.type === 'report')
      out.push(...reportText(found.report, analyse(found.report, rules(found.report)), style));
    else out.push(...dataText(found, style));
  }
  if (x.found.length === 0 && x.isLog) out.push(`A kernel log of ${x.lines} lines; no locking report in it.`);
  if (x.cut) out.push('', 'There were more reports than are kept: the later ones are missing here.');
  const repairs = describeRepairs(x.repairs);
  if (repairs.length > 0 && x.found.length > 0) {
    const kinds = [...x.repairs.stamps];
    const stamps = kinds.length > 1 ? [`Time stamps of ${kinds.length} kinds: ${listOf(kinds)}.`] : [];
    out.push(
      '',
      style.strong('Repaired before reading'),
      ...[...repairs, ...stamps].flatMap((r) => wrap(r, style.width, '  - ', '    ')),
    );
  }
  return out;
}

/** Does this answer report a problem (exit status 1)? */
export function isProblem(x: Explained): boolean {
  return x.found.some((f) => f.type === 'report' || (f.type === 'race-table' && f.cycle.length > 0));
}
