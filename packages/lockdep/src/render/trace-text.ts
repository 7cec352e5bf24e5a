import { decodeSpte, spteInShort } from '../trace/spte.ts';
import { decodeStep, type TraceSummary } from '../trace/summary.ts';
import { type Style, wrap } from './style.ts';

/** Counts, then one gfn through its SPTE values, then what the trace cannot say. */
export function traceText(t: TraceSummary, style: Style): string[] {
  const out: string[] = [];
  out.push(...wrap(`Events: ${top(t.byEvent, 14)}`, style.width, '  ', '    '));
  if (t.outcomes.size > 0) out.push(...wrap(`Outcomes: ${top(t.outcomes, 14)}`, style.width, '  ', '    '));
  if (t.contended.size > 0)
    out.push(
      ...wrap(
        `Contended locks, by address: ${top(t.contended, 8)}. Heat, not order.`,
        style.width,
        '  ',
        '    ',
      ),
    );
  if (t.byGfn.size > 0) {
    out.push(
      ...wrap(
        `Guest frames: ${t.byGfn.size}${t.gfnsCut ? ' or more' : ''}; busiest gfn ${top(t.byGfn, 6)}`,
        style.width,
        '  ',
        '    ',
      ),
    );
  }
  if (t.byGfn.size > 1000 && t.followed !== null) {
    out.push(
      ...wrap(
        'The values of the first 1000 frames were kept; --gfn HEX follows any other.',
        style.width,
        '  ',
      ),
    );
  }
  out.push(...followedText(t, style), ...orderText(t, style));
  return out;
}

function followedText(t: TraceSummary, style: Style): string[] {
  if (t.followed === null) return [];
  if (t.steps.length === 0) return wrap(`gfn ${t.followed} is not in this trace.`, style.width, '  ');
  const format = t.format ?? 'npt';
  const named =
    t.format === null ? 'format not certain, read as NPT' : t.format === 'ept' ? 'EPT' : 'NPT / x86';
  const out = [
    '',
    style.strong(
      `  gfn ${t.followed} (${named}; flags: W writable, H host-writable, M MMU-writable, A accessed, D dirty)`,
    ),
  ];
  let last: bigint | null = null;
  for (const step of t.steps.slice(0, 24)) {
    const { before, after } = decodeStep(step, format);
    const parts = [
      before ? `${spteInShort(before)} ->` : '',
      after ? spteInShort(after) : '',
      step.remark,
    ].filter((p) => p !== '');
    out.push(
      ...wrap(
        `${step.time.toFixed(6)} CPU ${step.cpu} level ${step.level} ${step.event}: ${parts.join(' ')}`,
        style.width,
        '    ',
        '      ',
      ),
    );
    if (step.after !== null && step.level === 1) last = step.after;
  }
  if (t.steps.length > 24 || t.stepsCut) out.push(`    and ${t.stepsCut ? 'more' : t.steps.length - 24}`);
  if (last !== null) {
    const decoded = decodeSpte(last, format, 1);
    out.push(
      ...wrap(
        `last value ${last.toString(16)}, bit by bit: ${decoded.bits.map((b) => `${b.bits} ${b.meaning}`).join('; ')}`,
        style.width,
        '    ',
        '      ',
      ),
    );
  }
  return out;
}

function orderText(t: TraceSummary, style: Style): string[] {
  const out: string[] = [];
  if (t.lost > 0)
    out.push(
      ...wrap(
        `${t.lost} events were lost: no claim about order, or about what did not happen, can rest on this trace.`,
        style.width,
        '  ',
        '    ',
      ).map(style.bad),
    );
  if (t.overwritten > 0)
    out.push(
      ...wrap(
        `The ring buffer overwrote ${t.overwritten} older events: the trace has no beginning.`,
        style.width,
        '  ',
        '    ',
      ),
    );
  if (t.gaps > 0 && t.lost === 0)
    out.push(
      ...wrap(
        `${t.gaps} steps of this gfn do not start from the value the step before left: another writer, or events that are not enabled.`,
        style.width,
        '  ',
        '    ',
      ),
    );
  if (t.events > 1)
    out.push(
      ...wrap(
        'Time stamps order the events of one CPU; between CPUs only as far as the trace clock allows.',
        style.width,
        '  ',
        '    ',
      ),
    );
  return out;
}

function top(map: ReadonlyMap<string, number>, most: number): string {
  const sorted = [...map].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const shown = sorted.slice(0, most).map(([name, n]) => `${name} ${n}`);
  return shown.join(', ') + (sorted.length > most ? `, and ${sorted.length - most} more kinds` : '');
}
