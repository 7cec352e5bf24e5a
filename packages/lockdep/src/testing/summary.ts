import type { ExpectedRecord } from '../expected-samples.ts';
import { type Explained, Explainer } from '../explain.ts';
import { kindOf } from '../records.ts';
import { dataTitle } from '../render/data-text.ts';
import { analyse } from '../reports/analysis.ts';
import { formatTask } from '../reports/report.ts';
import { builtInRules } from '../rules/builtin.ts';

export function explainString(text: string | Buffer): Explained {
  const explainer = new Explainer();
  explainer.push(text);
  return explainer.end();
}

/** The part of an answer that the expected table fixes. */
export function summarise(x: Explained): ExpectedRecord[] {
  return x.found.map((f) => {
    const kind = kindOf(f);
    if (f.type === 'race-table') {
      return {
        kind,
        title: dataTitle(f),
        ...(f.cycle.length > 0 ? { cycle: f.cycle.map((e) => e.from) } : {}),
      };
    }
    if (f.type !== 'report') return { kind, title: dataTitle(f) };
    const r = f.report;
    const a = analyse(r, builtInRules(r.kernel ?? null));
    const locks = [r.wanted, r.holding].filter((l) => l !== undefined).map((l) => l.lock.name);
    return {
      kind,
      title: a.title,
      ...(r.task ? { task: formatTask(r.task) } : {}),
      ...(locks.length > 0 ? { locks } : {}),
      ...(a.names.length > 0 ? { cycle: a.names } : {}),
      ...(r.held.length > 0 ? { held: r.held.map((h) => h.locks.length) } : {}),
    };
  });
}

/** An expected record in the same shape: an empty lock list says the same as none. */
export function expectedShape(e: ExpectedRecord): ExpectedRecord {
  const { locks, ...rest } = e;
  return { ...rest, ...(locks && locks.length > 0 ? { locks } : {}) };
}
