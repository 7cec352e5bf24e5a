/**
 * An execution as kernel commit messages draw it: a column for each thread, time going down. What the finding is about is
 * always shown; rows that only keep the books give way when there are too many.
 */
import type { Finding } from './finding.ts';
import { fitRows, type Row, rowsOf } from './rows.ts';
import { shortened } from './spell.ts';
import type { Trace } from './trace.ts';

export interface DiagramOptions {
  /** Columns of text at most. */
  readonly width?: number;
  /** Rows of events at most; exceeded only by what the finding is about. */
  readonly rows?: number;
  readonly title?: string;
  /** Last line; by default what fell. */
  readonly conclusion?: string;
}

const MIN_COLUMN = 14;

/** The diagram, lines separated by newlines, none longer than `width` (72). */
export function formatDiagram(trace: Trace, finding: Finding | null, options: DiagramOptions = {}): string {
  const width = options.width ?? 72;
  const budget = options.rows ?? 20;
  const rows = fitRows(rowsOf(trace, finding), budget);
  const columns = shownThreads(trace, rows);
  const gap = 2;
  const column = Math.max(MIN_COLUMN, Math.floor((width - gap * (columns.length - 1)) / columns.length));
  const lines = [options.title ?? trace.scenario, ''];
  lines.push(
    join(
      columns.map((t) => trace.threads[t]),
      column,
      gap,
    ),
  );
  lines.push(
    join(
      columns.map((t) => '-'.repeat(Math.min(column, Math.max(8, trace.threads[t].length)))),
      column,
      gap,
    ),
  );
  for (const row of rows) lines.push(...rowLines(row, columns, column, gap));
  const conclusion = options.conclusion ?? (finding === null ? '' : finding.message.split('\n')[0]);
  if (conclusion !== '') lines.push('', ...wrap(`=> ${conclusion}`, width, '   '));
  return lines.map((line) => line.slice(0, width).trimEnd()).join('\n');
}

/** Threads that do something, or that the finding is about, in order. */
function shownThreads(trace: Trace, rows: readonly Row[]): number[] {
  const seen = new Set([...trace.events, ...rows].map((e) => e.thread));
  for (const note of trace.notes) seen.add(note.thread);
  const shown = trace.threads.map((_, t) => t).filter((t) => seen.has(t));
  return shown.length > 0 ? shown : [0];
}

function rowLines(row: Row, columns: readonly number[], column: number, gap: number): string[] {
  const at = columns.indexOf(row.thread);
  const text = row.text.length > column ? shortened(row.text) : row.text;
  return wrap(text, column, '  ').map((line) => ' '.repeat(at * (column + gap)) + line);
}

function join(cells: readonly string[], column: number, gap: number): string {
  return cells.map((c) => c.slice(0, column).padEnd(column + gap)).join('');
}

/** Breaks a text at spaces so that no line is longer than `width`. */
export function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const candidate = line === '' ? word : `${line} ${word}`;
    if (candidate.length <= width) {
      line = candidate;
      continue;
    }
    if (line.trim() !== '') lines.push(line);
    line = lines.length === 0 && line === '' ? word : indent + word;
    while (line.length > width) {
      lines.push(line.slice(0, width));
      line = indent + line.slice(width);
    }
  }
  if (line.trim() !== '') lines.push(line);
  return lines;
}
