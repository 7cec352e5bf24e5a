/** Colours and width of a text; the mail form has none of the first and 72 of the second. */
export interface Style {
  readonly width: number;
  readonly strong: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly good: (text: string) => string;
  readonly dim: (text: string) => string;
}

const same = (text: string): string => text;

export function plainStyle(width: number): Style {
  return { width, strong: same, bad: same, good: same, dim: same };
}

/** Breaks a paragraph at blanks; a word longer than the line stands alone. Later lines are indented by `hang`. */
export function wrap(text: string, width: number, indent = '', hang = indent): string[] {
  const lines: string[] = [];
  let line = '';
  let lead = indent;
  for (const word of text.split(/\s+/)) {
    if (word === '') continue;
    if (line !== '' && lead.length + line.length + 1 + word.length > width) {
      lines.push(lead + line);
      line = word;
      lead = hang;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(lead + line);
  return lines;
}

/** A list of names in one sentence: `a, b and c`. */
export function listOf(names: readonly string[], most = 12): string {
  const shown = names.slice(0, most);
  if (names.length > most) return `${shown.join(', ')} and ${names.length - most} more`;
  if (shown.length < 2) return shown.join('');
  return `${shown.slice(0, -1).join(', ')} and ${shown[shown.length - 1]}`;
}
