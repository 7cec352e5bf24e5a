import type { Explained } from '../explain.ts';
import { describeRepairs } from '../input/repairs.ts';
import { gracePeriods } from '../proc/chains.ts';
import { kindOf } from '../records.ts';
import { analyse } from '../reports/analysis.ts';
import { formatTask } from '../reports/report.ts';
import { cite, type Verdict } from '../rules/judge.ts';
import { cpuTable } from './cpu-table.ts';
import { dataTitle } from './data-text.ts';
import type { RulesFor } from './explain-text.ts';

/** The answer as data. `version` changes when a field changes its meaning. */
export function explainJson(x: Explained, rules: RulesFor): object {
  return {
    version: 1,
    lines: x.lines,
    isLog: x.isLog,
    cut: x.cut,
    repairs: describeRepairs(x.repairs),
    notUnderstood: x.notUnderstood,
    records: x.found.map((f) => {
      const base = { kind: kindOf(f), lines: f.span };
      if (f.type !== 'report') return { ...base, title: dataTitle(f), ...dataOf(f) };
      const a = analyse(f.report, rules(f.report));
      return {
        ...base,
        title: a.title,
        kernel: f.report.kernel ?? null,
        task: f.report.task ? formatTask(f.report.task) : null,
        wanted: f.report.wanted ?? null,
        holding: f.report.holding ?? null,
        held: f.report.held.map((h) => ({ ...h, task: h.task ? formatTask(h.task) : null })),
        cycle: a.cycle,
        strong: a.strong,
        certain: a.broken.map(verdictOf),
        later: a.later.map(verdictOf),
        documented: a.obeyed.map(verdictOf),
        closing: a.closing,
        table: cpuTable(a.cycle, a.interrupt),
        accesses: f.report.accesses,
        stack: f.report.stack,
        afterLockdepOff: f.report.afterLockdepOff,
        losses: f.report.losses,
      };
    }),
  };
}

function verdictOf(v: Verdict): object {
  return { text: v.text, rule: v.rule.says, at: cite(v.rule) };
}

function dataOf(f: Exclude<Explained['found'][number], { type: 'report' }>): object {
  switch (f.type) {
    case 'race-table':
      return { columns: f.table.columns, rows: f.table.rows, doubt: f.table.doubt, cycle: f.cycle };
    case 'trace': {
      const { byEvent, outcomes, byGfn, contended, steps, ...rest } = f.trace;
      const text = (v: bigint | null) => (v === null ? null : v.toString(16));
      return {
        ...rest,
        byEvent: Object.fromEntries(byEvent),
        outcomes: Object.fromEntries(outcomes),
        gfns: byGfn.size,
        contended: Object.fromEntries(contended),
        steps: steps.map((s) => ({ ...s, before: text(s.before), after: text(s.after) })),
      };
    }
    case 'lock-stat':
      return { rows: f.stat.rows };
    case 'perf-lock':
      return { rows: f.table.rows };
    case 'lockdep-stats':
      return { values: Object.fromEntries(f.values) };
    case 'locking-rst':
      return { rules: f.book.rules, doubts: f.book.doubts, unread: f.book.unread };
    case 'proc-lockdep':
      return {
        classes: [...f.graph.classes.keys()],
        edges: [...f.graph.allEdges()].map((e) => [e.from, e.to]),
      };
    case 'proc-chains':
      return { cut: f.chains.cut, synchronize: gracePeriods(f.chains) };
  }
}
