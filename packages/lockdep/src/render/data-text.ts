import { isSrcuClass } from '../graph/lock-class.ts';
import { gracePeriods } from '../proc/chains.ts';
import type { Found } from '../records.ts';
import { cpuTable } from './cpu-table.ts';
import { listOf, type Style, wrap } from './style.ts';
import { traceText } from './trace-text.ts';

type Data = Exclude<Found, { type: 'report' }>;

/** One line that says what a text is, used as its title everywhere. */
export function dataTitle(f: Data): string {
  switch (f.type) {
    case 'proc-lockdep':
      return `/proc/lockdep, ${count(f.graph.classes.size, 'class', 'classes')}, ${count(f.graph.edgeCount, 'edge')}`;
    case 'proc-chains':
      return `/proc/lockdep_chains, ${count(f.chains.chains.length, 'chain')}`;
    case 'lock-stat':
      return `/proc/lock_stat ${f.stat.version}, ${count(f.stat.rows.length, 'row')}`;
    case 'lockdep-stats':
      return `/proc/lockdep_stats, ${count(f.values.size, 'value')}`;
    case 'perf-lock':
      return `perf lock contention, ${count(f.table.rows.length, 'row')}`;
    case 'trace':
      return `${f.trace.source} text, ${count(f.trace.events, 'event')}`;
    case 'race-table':
      return `race table: ${f.table.columns.join(', ')}`;
    case 'locking-rst':
      return `locking document, ${count(f.book.rules.length, 'rule')}`;
  }
}

/** What is worth saying about a text that is no report. */
export function dataText(f: Data, style: Style): string[] {
  return [style.strong(dataTitle(f)), style.dim(`lines ${f.span.first}-${f.span.last}`), ...bodyOf(f, style)];
}

function bodyOf(f: Data, style: Style): string[] {
  const say = (text: string) => wrap(text, style.width, '  ', '    ');
  switch (f.type) {
    case 'proc-lockdep':
      return [
        ...(f.lockdepStat
          ? say('No dependency columns: a kernel with LOCK_STAT but without PROVE_LOCKING records no order.')
          : []),
        ...say(
          'Edges join locks that were held one directly inside the other. A read section between two locks hides the edge here; /proc/lockdep_chains has it. For rules against this graph: faultline locks --proc FILE --rst FILE.',
        ),
      ];
    case 'proc-chains':
      return chainsText(f, style);
    case 'lock-stat':
      return statText(f, style);
    case 'lockdep-stats':
      return f.values.get('debug_locks') === 0
        ? say('debug_locks is 0: lockdep has switched itself off.')
        : say('debug_locks is 1: lockdep is on.');
    case 'perf-lock':
      return perfText(f, style);
    case 'trace':
      return traceText(f.trace, style);
    case 'race-table':
      return raceText(f, style);
    case 'locking-rst':
      return say('Show, compare and test it: faultline locks --rst FILE.');
  }
}

function chainsText(f: Extract<Found, { type: 'proc-chains' }>, style: Style): string[] {
  const out: string[] = [];
  if (f.chains.cut)
    out.push(
      ...wrap('Only the first two million locks, and 64 of each chain, were kept.', style.width, '  '),
    );
  for (const g of gracePeriods(f.chains)) {
    if (g.across.length > 0)
      out.push(
        ...wrap(
          `synchronize_srcu(${g.domain}) was called with these held: ${listOf(g.across)}.`,
          style.width,
          '  ',
          '    ',
        ),
      );
    if (g.both.length > 0)
      out.push(
        ...wrap(
          `${listOf(g.both)} both held across it and taken inside its readers: a deadlock is possible.`,
          style.width,
          '  ',
          '    ',
        ).map(style.bad),
      );
  }
  return out.length > 0
    ? out
    : wrap('Stacks of held locks; no grace period stands in them.', style.width, '  ');
}

function statText(f: Extract<Found, { type: 'lock-stat' }>, style: Style): string[] {
  const rows = [...f.stat.rows].sort((a, b) => b.waitTotal - a.waitTotal).slice(0, 8);
  return rows.flatMap((r) => {
    const who = r.callers[0] ? `, most at ${r.callers[0].fn}` : '';
    return wrap(
      `${r.name}${r.mode ? ` (${r.mode === 'W' ? 'write' : 'read'})` : ''}: waited ${r.waitTotal} us in ${r.contentions} contentions, longest hold ${r.holdMax} us${who}`,
      style.width,
      '  ',
      '    ',
    );
  });
}

function perfText(f: Extract<Found, { type: 'perf-lock' }>, style: Style): string[] {
  const rows = [...f.table.rows].sort((a, b) => b.totalNs - a.totalNs).slice(0, 8);
  const lines = rows.flatMap((r) =>
    wrap(
      `${r.caller}${r.type ? ` (${r.type})` : ''}: ${duration(r.totalNs)} in ${r.contended} waits, longest ${duration(r.maxNs)}`,
      style.width,
      '  ',
      '    ',
    ),
  );
  return [
    ...lines,
    ...wrap(
      'This is heat: who waited and how long. It has no held locks, so it makes no edges.',
      style.width,
      '  ',
    ),
  ];
}

function raceText(f: Extract<Found, { type: 'race-table' }>, style: Style): string[] {
  const out = [''];
  const { columns, rows } = f.table;
  const step = Math.max(12, Math.floor(72 / columns.length));
  out.push(
    `  ${columns
      .map((c) => c.padEnd(step))
      .join('')
      .trimEnd()}`,
  );
  let line = -1;
  let text = '';
  const flush = () => {
    if (text !== '') out.push(`  ${text}`.trimEnd());
    text = '';
  };
  for (const r of rows) {
    const at = r.column * step;
    if (r.line !== line || text.length > at - 1) flush();
    line = r.line;
    text = text.padEnd(at) + r.text;
  }
  flush();
  out.push('');
  if (f.table.doubt !== '') out.push(...wrap(f.table.doubt, style.width, '  ', '    '));
  if (f.cycle.length > 0) {
    out.push(
      ...wrap(
        `These orders can deadlock (possible): ${f.cycle.map((e) => e.from).join(' -> ')} -> ${f.cycle[0]?.from}.`,
        style.width,
        '  ',
        '    ',
      ).map(style.bad),
    );
    out.push(...cpuTable(f.cycle, false).map((t) => `    ${t}`));
  } else if (rows.some((r) => /lock|srcu|down_/.test(r.text))) {
    const srcu = rows.some(
      (r) => isSrcuClass((/\(([^)]*)\)/.exec(r.text)?.[1] ?? '').trim()) || /srcu/.test(r.text),
    );
    out.push(
      ...wrap(
        `The lock orders of this table cannot close a cycle.${srcu ? ' SRCU readers wait for nobody; only synchronize_srcu() called with a lock held that a reader takes could close one.' : ''}`,
        style.width,
        '  ',
        '    ',
      ),
    );
  } else {
    out.push(
      ...wrap(
        'No lock operations in it: the claim is about values. To have it checked, turn it into a scenario: faultline explain --from-race-table FILE.',
        style.width,
        '  ',
        '    ',
      ),
    );
  }
  return out;
}

function duration(ns: number): string {
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(2)} s`;
  if (ns >= 1e6) return `${(ns / 1e6).toFixed(2)} ms`;
  return `${(ns / 1e3).toFixed(2)} us`;
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
