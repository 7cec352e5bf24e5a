/** A sentence of a document with the line it starts on. */
export interface Sentence {
  readonly line: number;
  readonly text: string;
  /** Lines of the sentence, so that a rule in its middle gets its own line. */
  readonly words: readonly { line: number; word: string }[];
}

export interface Section {
  readonly title: string;
  readonly line: number;
  readonly lines: readonly { line: number; text: string }[];
}

/** No real line or name is longer; hostile ones are cut so that no pattern has to search them. */
const MAX_LINE = 1000;
const MAX_WORD = 100;
const MAX_WORDS = 400;

/** Cuts a document at its numbered headings (`1. Acquisition Orders`, `2: Exception`, `3. Reference`). */
export function cutSections(text: string): Section[] {
  const sections: { title: string; line: number; lines: { line: number; text: string }[] }[] = [];
  let current = { title: '', line: 1, lines: [] as { line: number; text: string }[] };
  const all = text.split(/\r?\n/).map((l) => (l.length > MAX_LINE ? l.slice(0, MAX_LINE) : l));
  all.forEach((raw, i) => {
    const next = all[i + 1] ?? '';
    const heading = /^(\d)[.:] +([A-Z].{0,60})$/.exec(raw.trimEnd());
    if (
      heading &&
      (/^[-=~^]{3,}\s*$/.test(next) || /^(?:Acquisition|Exception|Reference)/.test(heading[2] ?? ''))
    ) {
      sections.push(current);
      current = { title: heading[2] ?? '', line: i + 1, lines: [] };
    } else current.lines.push({ line: i + 1, text: raw });
  });
  sections.push(current);
  return sections;
}

/**
 * Sentences of a section. A bullet, a blank line, a full stop or a line ending in a colon ends one; a line that
 * starts a new list item does so even where a web page has taken the blank lines away.
 */
export function sentencesOf(section: Section): Sentence[] {
  const found: Sentence[] = [];
  let words: { line: number; word: string }[] = [];
  const flush = () => {
    if (words.length > 0) {
      found.push({ line: words[0]?.line ?? 0, text: words.map((w) => w.word).join(' '), words });
      words = [];
    }
  };
  for (const { line, text } of section.lines) {
    const t = text.trim();
    if (t === '' || /^[-=~^+]{3,}$/.test(t)) {
      flush();
      continue;
    }
    if (/^(?:- |\* |\d+[.)] )/.test(t)) flush();
    if (/^On x86:$|^For SRCU:$|^On [\w/]+:$/.test(t)) {
      flush();
      continue;
    }
    for (const whole of t.replace(/^[-*] /, '').split(/\s+/)) {
      const word = whole.slice(0, MAX_WORD);
      words.push({ line, word });
      if (words.length > MAX_WORDS) flush();
      if (/[a-z)`][.;]$/.test(word) && !/^(?:e\.g\.|i\.e\.|etc\.)$/.test(word) && !/\);$/.test(word)) flush();
    }
    if (t.endsWith('::')) flush();
  }
  flush();
  return found;
}

/** Anything that reads like a lock in running text. */
const LOCK =
  /(?:&?[a-z_]+(?:->|::)(?:[a-z_]+\.)*[a-z_0-9]*(?:lock|mutex|srcu|sem)\b)|\b(?:cpus_read_lock|cpus_write_lock)\(\)|\b[a-z][a-z_0-9]*_(?:lock|mutex|srcu)\b/g;

/** API names that look like locks and are none. */
const NOT_LOCKS =
  /^(?:srcu_read_lock|srcu_read_unlock|synchronize_srcu|call_srcu|mutex_lock|mutex_unlock|read_lock|write_lock|spin_lock|raw_spin_lock)$/;

export function locksIn(text: string): string[] {
  const found: string[] = [];
  for (const m of text.matchAll(LOCK)) {
    const name = m[0].replace(/^&/, '');
    if (!NOT_LOCKS.test(name)) found.push(name);
  }
  return found;
}
