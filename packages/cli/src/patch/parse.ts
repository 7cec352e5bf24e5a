/**
 * Diffs as people send them: `git format-patch`, `git show`, an mbox, a reply that quotes one, an archive's page. What is
 * damaged is read as far as it goes; nothing here judges whether a diff applies.
 */
import { decodedMail } from './mail.ts';

export interface HunkLine {
  readonly kind: ' ' | '+' | '-';
  readonly text: string;
}

export interface Hunk {
  readonly oldStart: number;
  readonly oldLines: number;
  readonly newStart: number;
  readonly newLines: number;
  /** What stands behind the second '@@': the function above the hunk, as diff guesses it. */
  readonly above: string;
  readonly lines: readonly HunkLine[];
  /** Line of the input that the hunk begins at, from 1. */
  readonly at: number;
}

export interface FilePatch {
  /** Paths without 'a/' and 'b/'; null: the file is created, or removed. */
  readonly from: string | null;
  readonly to: string | null;
  readonly hunks: readonly Hunk[];
}

/** Every file that the text changes, in order. Never throws; a text without a diff gives none. */
export function parsePatch(input: string): FilePatch[] {
  const reader = new Reader(decodedMail(input).split(/\r?\n/));
  return reader.files();
}

const HUNK = /^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)$/;
const QUOTED = /^((?:\s?[>|])+)\s?(?=diff --git |--- (?:a\/|\/dev\/null)|\+\+\+ (?:b\/|\/dev\/null)|@@ -\d)/;
const NEXT = /^(?:diff --git |Index: |--- (?:a\/|\/dev\/null)|@@ -\d|-- ?$)/;

interface Open {
  from: string | null;
  to: string | null;
  hunks: Hunk[];
}

class Reader {
  private readonly found: Open[] = [];
  /** Quote marks before the diff. */
  private depth = 0;
  private at = 0;

  constructor(private readonly lines: readonly string[]) {}

  files(): FilePatch[] {
    let from: string | null | undefined;
    while (this.at < this.lines.length) {
      const line = this.unquoted(this.at++) ?? '';
      const git = /^diff --git "?a\/(.+?)"? "?b\/(.+?)"?$/.exec(line);
      if (git !== null) this.open(git[1] ?? null, git[2] ?? null);
      else if (line.startsWith('--- ')) from = pathOf(line.slice(4));
      else if (line.startsWith('+++ ') && from !== undefined) {
        this.named(from, pathOf(line.slice(4)));
        from = undefined;
      } else {
        const header = HUNK.exec(line);
        if (header !== null) this.hunk(header);
      }
    }
    return this.found.filter(({ hunks, from: a, to: b }) => hunks.length > 0 || a !== b);
  }

  private open(from: string | null, to: string | null): void {
    this.found.push({ from, to, hunks: [] });
  }

  /** '---' and '+++' name the file that 'diff --git' opened, or open one themselves. */
  private named(from: string | null, to: string | null): void {
    const last = this.found.at(-1);
    const isSame = last !== undefined && last.hunks.length === 0 && (last.from === from || last.to === to);
    if (!isSame) this.open(from, to);
    else {
      last.from = from;
      last.to = to;
    }
  }

  private hunk([, a, b = '1', c, d = '1', above = '']: RegExpExecArray): void {
    const at = this.at;
    const lines: HunkLine[] = [];
    let oldLeft = Number(b);
    let newLeft = Number(d);
    while ((oldLeft > 0 || newLeft > 0) && this.at < this.lines.length) {
      const line = this.unquoted(this.at);
      if (line === null || (NEXT.test(line) && !isHunkLine(line, oldLeft))) break;
      this.at++;
      if (line.startsWith('\\')) continue;
      const kind = line.startsWith('+') ? '+' : line.startsWith('-') ? '-' : ' ';
      // An archive that drops white space leaves context lines without their first column.
      lines.push({ kind, text: kind === ' ' && !line.startsWith(' ') ? line : line.slice(1) });
      if (kind !== '+') oldLeft--;
      if (kind !== '-') newLeft--;
    }
    if (this.found.length === 0) this.open('', '');
    const [oldStart, oldLines, newStart, newLines] = [a, b, c, d].map(Number) as [
      number,
      number,
      number,
      number,
    ];
    this.found.at(-1)?.hunks.push({ oldStart, oldLines, newStart, newLines, above, lines, at });
  }

  /** The line without its quote marks; null if it is quoted less than the diff is: somebody's answer. */
  private unquoted(at: number): string | null {
    const line = this.lines[at] as string;
    const quote = QUOTED.exec(line)?.[1];
    if (quote !== undefined) this.depth = marksIn(quote);
    if (this.depth === 0) return line;
    const marks =
      new RegExp(
        `^(?:\\s?[>|]){1,${this.depth}}\\s?(?=[-+@ \\\\]|diff |$)|^(?:\\s?[>|]){1,${this.depth}}`,
      ).exec(line)?.[0] ?? '';
    return marksIn(marks) < this.depth ? null : line.slice(marks.length);
  }
}

function marksIn(quote: string): number {
  return quote.replace(/[^>|]/g, '').length;
}

/** '--- a/x' inside a hunk is a line '-- a/x' that is removed, if the hunk still waits for old lines. */
function isHunkLine(line: string, oldLeft: number): boolean {
  return oldLeft > 1 && /^--- (?!a\/|\/dev\/null)/.test(line);
}

/** 'a/virt/kvm/x.c	2024-01-01' -> 'virt/kvm/x.c' */
function pathOf(text: string): string | null {
  const name = text
    .replace(/\t.*$/, '')
    .trim()
    .replace(/^"(.*)"$/, '$1');
  return name === '/dev/null' ? null : name.replace(/^[ab]\//, '');
}
