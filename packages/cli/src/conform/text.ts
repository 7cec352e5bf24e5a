/** What `explain --conform` prints. */
import { type Style, wrap } from '@faultline/lockdep';
import { ExitCode } from '../exit.ts';
import { count } from '../run/progress.ts';
import type { Conformance, Misfit } from './conformance.ts';

/** A finding where the trace does what the model does not; incomplete where nothing could be compared. */
export function conformanceStatus(c: Conformance): number {
  if (c.misfitCount > 0) return ExitCode.FINDING;
  return c.formats.length !== 1 || c.transitions === 0 || c.uncertain.length > 0
    ? ExitCode.INCOMPLETE
    : ExitCode.CLEAN;
}

export function conformanceText(c: Conformance, style: Style): string[] {
  const para = (text: string, indent = '  ') => wrap(text, style.width, indent, `${indent}  `);
  if (c.formats.length === 0)
    return para(
      'No event of this trace changes an SPTE in a way that tells its format: nothing was compared.',
      '',
    );
  const score = `${count(c.understood)} of ${count(c.transitions)} changes of an SPTE are what the model does (${percent(c)})`;
  const out = [style.strong(score), ...formatLines(c, para)];
  const width = Math.max(0, ...[...c.edges.keys()].map((name) => name.length));
  const edges = [...c.edges].sort(([, a], [, b]) => b.count - a.count);
  if (edges.length > 0) out.push('');
  for (const [name, { count: n, by }] of edges)
    out.push(`  ${count(n).padStart(9)}  ${name.padEnd(width)}  ${by}()`);
  out.push('', ...para(followed(c)));
  if (c.shown > 0)
    out.push(...para(`Values that other events show: ${count(c.shownFit)} of ${count(c.shown)} fit.`));
  for (const [{ name, kernel, reason }, lines] of c.known) {
    out.push('', ...para(`Known difference: ${name}, ${count(lines.length)} times (kernel ${kernel})`));
    out.push(
      ...para(reason, '    '),
      ...para(`${lines.length === 1 ? 'line' : 'lines'} ${linesOf(lines)}`, '    '),
    );
  }
  if (c.misfits.length > 0) out.push('', style.bad('Not understood'), ...misfitLines(c.misfits, para));
  if (c.misfitCount > c.misfits.length)
    out.push(...para(`and ${count(c.misfitCount - c.misfits.length)} more`));
  if (c.uncertain.length > 0)
    out.push(
      '',
      'Not certain: events before these are missing from the trace',
      ...misfitLines(c.uncertain, para),
    );
  return out;
}

/** The same as data. */
export function conformanceJson(c: Conformance): object {
  return {
    ...c,
    edges: Object.fromEntries(c.edges),
    known: [...c.known].map(([{ name, kernel, reason }, lines]) => ({ name, kernel, reason, lines })),
    steps: Object.fromEntries(c.steps),
  };
}

type Para = (text: string, indent?: string) => string[];

function formatLines({ formats, formatFrom }: Conformance, para: Para): string[] {
  const [first, ...others] = formats;
  const out = para(`Read as ${first} (${formatFrom}).`);
  if (others.length > 0) out.push(...para(`Could not decide: ${others.join('; ')} would fit as well.`));
  return out;
}

const STEPS: readonly (readonly [step: string, says: (n: string) => string])[] = [
  ['unseen', (n) => `${n} were there before the trace began`],
  ['new table', (n) => `${n} are in another table for the same frames`],
  ['hardware', (n) => `${n} times the hardware had set A or D in between`],
  ['released', (n) => `${n} times a frozen entry had been given back, which is no event`],
  ['fast fix', (n) => `${n} times the fast path had set W, which the trace does not record`],
  ['in the other order', (n) => `${n} times two CPUs wrote their events in the other order`],
  ['not followed', (n) => `${n} were not followed: too many entries`],
];

function followed({ entries, steps }: Conformance): string {
  const parts = STEPS.flatMap(([step, says]) => {
    const n = steps.get(step) ?? 0;
    return n > 0 ? [says(count(n))] : [];
  });
  const those = parts.length > 0 ? `: ${parts.join('; ')}` : '';
  return `${count(entries)} ${entries === 1 ? 'entry' : 'entries'} followed, each change from the value that the one before left${those}.`;
}

function misfitLines(misfits: readonly Misfit[], para: Para): string[] {
  return misfits.flatMap(({ line, event, reason }) => [
    ...para(`line ${line}: ${reason}`),
    ...para(event, '      '),
  ]);
}

/** Never rounded up to 100 %. */
function percent({ understood, transitions }: Conformance): string {
  if (transitions === 0) return 'there are none';
  return `${(Math.floor((understood * 10_000) / transitions) / 100).toFixed(2)} %`;
}

function linesOf(lines: readonly number[]): string {
  const shown = lines.slice(0, 100).join(', ');
  return lines.length > 100 ? `${shown} and ${lines.length - 100} more` : shown;
}
