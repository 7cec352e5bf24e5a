/** Applies a diff to texts: exactly, at the line that it names or where else its lines stand. */
import { UsageError } from '../exit.ts';
import type { FilePatch, Hunk } from './parse.ts';

/** The text after the patch. `name` and `file` are for the message: a patch that does not fit throws a UsageError. */
export function applied(text: string, { hunks }: FilePatch, name: string, file: string): string {
  const lines = text.split('\n');
  let shift = 0;
  hunks.forEach((hunk, i) => {
    const old = linesOf(hunk, '-');
    if (old.length !== hunk.oldLines || linesOf(hunk, '+').length !== hunk.newLines) {
      throw new UsageError(
        `${name}: hunk ${i + 1} (line ${hunk.at}) is not whole: it announces ${hunk.oldLines} old and ${hunk.newLines} new lines and has ${old.length} and ${linesOf(hunk, '+').length}`,
      );
    }
    const wanted = Math.max(0, hunk.oldStart - (hunk.oldLines === 0 ? 0 : 1)) + shift;
    const at = placeOf(old, lines, wanted);
    if (at < 0) throw new UsageError(misfit(hunk, i, old, lines, wanted, name, file));
    lines.splice(at, old.length, ...linesOf(hunk, '+'));
    shift += at - wanted + hunk.newLines - hunk.oldLines;
  });
  return lines.join('\n');
}

function linesOf({ lines }: Hunk, side: '-' | '+'): string[] {
  return lines.filter(({ kind }) => kind === ' ' || kind === side).map(({ text }) => text);
}

/** Where the old lines stand, nearest to where they ought to; -1 for nowhere. */
function placeOf(old: readonly string[], lines: readonly string[], wanted: number): number {
  const fits = (at: number) => at >= 0 && old.every((line, k) => lines[at + k] === line);
  if (old.length === 0) return Math.min(wanted, lines.length);
  for (let far = 0; far <= lines.length; far++) {
    if (fits(wanted + far)) return wanted + far;
    if (fits(wanted - far)) return wanted - far;
  }
  return -1;
}

function misfit(
  hunk: Hunk,
  i: number,
  old: readonly string[],
  lines: readonly string[],
  wanted: number,
  name: string,
  file: string,
): string {
  const k = old.findIndex((line, n) => lines[wanted + n] !== line);
  return [
    `${name}: hunk ${i + 1} (line ${hunk.at}) does not apply to ${file}`,
    `  expected at line ${wanted + k + 1}: ${old[k]}`,
    `  found:${' '.repeat(String(wanted + k + 1).length)}            ${lines[wanted + k] ?? '(the end of the file)'}`,
    'Make the patch anew against these sources.',
  ].join('\n');
}
