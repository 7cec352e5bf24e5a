/**
 * Commands in Markdown and what they print: ```console blocks. `$ npx faultline ...` is run, what follows it is
 * compared: a line `...` stands for any lines, `<n>` for a number (digits, commas, a point), `<token>` for a replay
 * token. `$ echo $?` asks for the exit code of the command before.
 */

export interface Command {
  readonly line: number;
  /** Words after `npx faultline`. */
  readonly words: readonly string[];
  readonly expected: readonly string[];
  /** What `$ echo $?` prints after it; null if that is not asked. */
  readonly exit: number | null;
}

export function commandsOf(markdown: string): Command[] {
  const found: Command[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    if (lines[i]?.trim() !== '```console') continue;
    const end = lines.findIndex((text, at) => at > i && text.trim() === '```');
    found.push(...block(lines.slice(i + 1, end), i + 2));
    i = end;
  }
  return found;
}

/** The first expected line that the output does not have, or null. */
export function mismatch(expected: readonly string[], actual: readonly string[]): string | null {
  let at = 0;
  let anywhere = false;
  for (const text of expected) {
    if (text.trim() === '...') {
      anywhere = true;
      continue;
    }
    const pattern = patternOf(text);
    const next = actual.findIndex((line, i) => i >= at && pattern.test(line.trimEnd()));
    if (next < 0 || (!anywhere && next !== at)) {
      return `expected: ${text}\n   found: ${actual[at] ?? '(end of output)'}`;
    }
    at = next + 1;
    anywhere = false;
  }
  const rest = actual.slice(at).filter((line) => line.trim() !== '');
  return anywhere || rest.length === 0 ? null : `expected the end of the output\n   found: ${rest[0]}`;
}

function block(lines: readonly string[], first: number): Command[] {
  const found: { line: number; words: string[]; expected: string[]; exit: number | null }[] = [];
  let asking = false;
  lines.forEach((text, i) => {
    const last = found.at(-1);
    if (text === '$ echo $?') {
      asking = true;
    } else if (text.startsWith('$ ')) {
      const words = text.slice(2).split(/\s+/);
      if (words[0] !== 'npx' || words[1] !== 'faultline')
        throw new Error(`line ${first + i}: not a command of ours: ${text}`);
      found.push({ line: first + i, words: words.slice(2), expected: [], exit: null });
    } else if (asking && last !== undefined) {
      last.exit = Number(text);
      asking = false;
    } else {
      last?.expected.push(text);
    }
  });
  return found;
}

function patternOf(text: string): RegExp {
  const escaped = text.trimEnd().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('<n>', '[\\d,.]+').replaceAll('<token>', 'f1\\.\\S+')}$`);
}
