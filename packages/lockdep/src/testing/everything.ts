import { Explainer } from '../explain.ts';
import { drawCycle, toDot } from '../render/dot.ts';
import type { RulesFor } from '../render/explain-text.ts';
import { explainText } from '../render/explain-text.ts';
import { explainJson } from '../render/json.ts';
import { plainStyle } from '../render/style.ts';
import { analyse } from '../reports/analysis.ts';
import { builtInRules } from '../rules/builtin.ts';

const rules: RulesFor = (report) => builtInRules(report.kernel ?? null);

/** Reads a text and renders it in every form; returns the size of what came out. Chunks have odd sizes on purpose. */
export function everything(text: string, chunk = 997): number {
  const explainer = new Explainer();
  const bytes = Buffer.from(text, 'utf8');
  for (let at = 0; at < bytes.length; at += chunk) explainer.push(bytes.subarray(at, at + chunk));
  const x = explainer.end();
  let size = explainText(x, rules, plainStyle(90)).join('\n').length;
  size += JSON.stringify(explainJson(x, rules)).length;
  for (const f of x.found) {
    if (f.type === 'report')
      size += toDot(drawCycle('t', analyse(f.report, rules(f.report)).cycle, new Map())).length;
  }
  return size;
}
