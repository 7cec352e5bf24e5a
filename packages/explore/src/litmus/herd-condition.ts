/** The condition at the end of a litmus test: `exists (0:EAX=0 /\ (1:EAX=0 \/ ~ x=1))`. */
import type { Outcome } from '../programs/litmus.ts';
import type { HerdError } from './herd-error.ts';
import { type Names, registerName } from './herd-instruction.ts';

export interface Condition {
  readonly quantifier: 'exists' | 'not exists' | 'forall';
  /** As it stands in the file, in one line. */
  readonly text: string;
  readonly holds: (outcome: Outcome) => boolean;
  /** What it speaks of, as outcomes name it: '0:rax', 'x'; with what `locations` lists. */
  readonly speaksOf: readonly string[];
}

type Predicate = (outcome: Outcome) => boolean;
type Fail = (message: string, offset: number) => HerdError;

export function readCondition(text: string, names: Names, fail: Fail): Condition {
  const speaksOf = new Set<string>();
  const listed = /^\s*locations\s*\[([^\]]*)\]/m.exec(text)?.[1] ?? '';
  for (const one of listed.split(';')) {
    const name = placeName(one.trim(), names);
    if (name !== null) speaksOf.add(name);
  }
  const start = /(~\s*exists|exists|forall)\b/.exec(text);
  if (start === null) throw fail(`expected a condition: 'exists', '~exists' or 'forall'`, 0);
  const parser = new Parser(text, start.index + start[0].length, names, speaksOf, fail);
  const holds = parser.disjunction();
  parser.end();
  const word = start[0].replace(/\s+/g, '');
  return {
    quantifier: word === 'exists' ? 'exists' : word === 'forall' ? 'forall' : 'not exists',
    text: text.slice(start.index).trim().replace(/\s+/g, ' '),
    holds,
    speaksOf: [...speaksOf],
  };
}

/** '0:rax' or 'x', as outcomes name it; null if it is neither. */
function placeName(text: string, names: Names): string | null {
  const [, thread, register, word] = /^(?:(\d+):\s*%?(\w+)|\[?([a-z_]\w*)\]?)$/i.exec(text) ?? [];
  if (thread !== undefined && register !== undefined)
    return `${thread}:${registerName(register) ?? register}`;
  if (word === undefined) return null;
  if (!names.words.includes(word)) names.words.push(word);
  return word;
}

const MAX_DEPTH = 200;

class Parser {
  private depth = 0;

  constructor(
    private readonly text: string,
    private at: number,
    private readonly names: Names,
    private readonly speaksOf: Set<string>,
    private readonly fail: Fail,
  ) {}

  disjunction(): Predicate {
    let left = this.conjunction();
    while (this.take('\\/')) {
      const [a, b] = [left, this.conjunction()];
      left = (outcome) => a(outcome) || b(outcome);
    }
    return left;
  }

  end(): void {
    this.skip();
    // What herd itself prints after a condition, and other comments, may follow in a new line.
    if (this.at < this.text.length && !/\n\s*$/.test(this.text.slice(0, this.at)))
      throw this.fail(`expected '/\\', '\\/' or the end of the condition`, this.at);
  }

  private conjunction(): Predicate {
    let left = this.negation();
    while (this.take('/\\')) {
      const [a, b] = [left, this.negation()];
      left = (outcome) => a(outcome) && b(outcome);
    }
    return left;
  }

  private negation(): Predicate {
    if (++this.depth > MAX_DEPTH)
      throw this.fail(`more than ${MAX_DEPTH} levels of negations and parentheses`, this.at);
    try {
      if (this.take('~') || this.take('not ')) {
        const inner = this.negation();
        return (outcome) => !inner(outcome);
      }
      if (!this.take('(')) return this.atom();
      const inner = this.disjunction();
      if (!this.take(')')) throw this.fail(`expected ')'`, this.at);
      return inner;
    } finally {
      this.depth--;
    }
  }

  private atom(): Predicate {
    this.skip();
    const rest = this.text.slice(this.at);
    const [whole] = /^(?:true|false)\b/.exec(rest) ?? [];
    if (whole !== undefined) {
      this.at += whole.length;
      return () => whole === 'true';
    }
    const match = /^((?:\d+:\s*%?\w+)|\[?[a-z_]\w*\]?)\s*=\s*(-?(?:0x[0-9a-f]+|\d+))/i.exec(rest);
    const name = match === null ? null : placeName(match[1] ?? '', this.names);
    if (match === null || name === null) throw this.fail(`expected '0:EAX=1' or 'x=1'`, this.at);
    this.at += match[0].length;
    this.speaksOf.add(name);
    const value = Number(match[2]) >>> 0;
    return (outcome) => (outcome[name] ?? 0) === value;
  }

  private take(token: string): boolean {
    this.skip();
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  private skip(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
  }
}
