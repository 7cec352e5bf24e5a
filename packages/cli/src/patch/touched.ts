/**
 * What a diff of C code touches: functions by their definitions and by what stands behind '@@', the names that changed
 * lines call, the locks that they take and drop. A guess from text, which is all that a diff is.
 */
import type { FilePatch, Hunk } from './parse.ts';

export interface Touched {
  /** Path in the kernel. */
  readonly file: string;
  readonly name: string;
  added: number;
  removed: number;
  /** Names called on changed lines, in order. */
  readonly calls: Set<string>;
  /** '+ mutex_lock(&kvm->lock)' */
  readonly locks: string[];
}

export interface FileTouched {
  readonly file: string;
  readonly functions: readonly Touched[];
  /** Changed lines outside any function. */
  readonly outside: number;
  /** Everything that changed lines outside functions say: names in documentation are among it. */
  readonly words: ReadonlySet<string>;
}

/** One result a file, in the order of the patch. */
export function touchedBy(patch: readonly FilePatch[]): FileTouched[] {
  return patch.map((one) => {
    const file = one.to ?? one.from ?? '';
    const isCode = /\.[chS]$/.test(file);
    const functions = new Map<string, Touched>();
    const words = new Set<string>();
    let outside = 0;
    for (const hunk of one.hunks) {
      for (const { kind, text, inside } of changedLines(hunk, isCode)) {
        if (inside === null) {
          outside++;
          for (const word of text.match(/\b[a-z_]\w{3,}\b/g) ?? []) words.add(word);
          continue;
        }
        let touched = functions.get(inside);
        if (touched === undefined) {
          touched = { file, name: inside, added: 0, removed: 0, calls: new Set(), locks: [] };
          functions.set(inside, touched);
        }
        note(touched, kind, text);
      }
    }
    return { file, functions: [...functions.values()], outside, words };
  });
}

interface Changed {
  readonly kind: '+' | '-';
  readonly text: string;
  /** Function that the line stands in. */
  readonly inside: string | null;
}

/** Before and after are followed apart: a function may be renamed, or end, on one side only. */
function changedLines({ above, lines }: Hunk, isCode: boolean): Changed[] {
  const found: Changed[] = [];
  const first = isCode ? calledIn(above) : null;
  // An archive that drops leading white space leaves nothing that a left margin could tell.
  const hasMargin = lines.some(({ text }) => /^\s+\S/.test(text));
  const inside = { '-': first, '+': first };
  let comment = false;
  for (const [i, { kind, text }] of lines.entries()) {
    const opened = comment;
    comment = inComment(text, comment);
    const sides = kind === ' ' ? (['-', '+'] as const) : [kind];
    if (hasMargin && !opened && OUTSIDE.test(text)) for (const side of sides) inside[side] = null;
    const name = isCode && !opened && !isPrototype(lines, i) ? definedIn(text) : null;
    if (name !== null) for (const side of sides) inside[side] = name;
    if (kind !== ' ') found.push({ kind, text: opened ? '' : text, inside: inside[kind] });
    if (/^}/.test(text)) for (const side of sides) inside[side] = null;
  }
  return found;
}

/** Names of the calls that take and drop locks, and wait for readers: part of a regular expression. */
export const LOCK_OPERATION =
  '(?:raw_)?(?:spin|read|write|mutex|rt_mutex|srcu_read|rcu_read)_(?:try)?(?:un)?lock\\w*|(?:down|up)_(?:read|write)\\w*|synchronize_\\w+';

const KEYWORDS = new Set(
  'if for while switch return sizeof typeof do else case goto defined __attribute__ container_of'.split(' '),
);

/** What stands at the left margin between functions. */
const OUTSIDE =
  /^(?:\/\*|#define|EXPORT_SYMBOL|module_param|(?:static )?(?:const )?(?:struct|union|enum) \w+(?: \w+\[?\w*\]? =)? \{)/;

/** Whether what begins on this line ends with a semicolon before a body begins. */
function isPrototype(lines: Hunk['lines'], from: number): boolean {
  const side = lines[from]?.kind;
  for (const { kind, text } of lines.slice(from, from + 8)) {
    if (kind !== side && kind !== ' ' && side !== ' ') continue;
    const end = /[;{]/.exec(text)?.[0];
    if (end !== undefined) return end === ';';
  }
  return false;
}

/** The function that a line at the left margin begins to define, or null. */
function definedIn(text: string): string | null {
  if (!/^[A-Za-z_]/.test(text) || /;\s*$/.test(text)) return null;
  const found = /^([\w\s*]+?[\s*])(\w+)\s*\(/.exec(text);
  const [, type = '', name = ''] = found ?? [];
  if (found === null || KEYWORDS.has(name)) return null;
  return type.split(/[\s*]+/).some((word) => KEYWORDS.has(word)) ? null : name;
}

/** 'static int foo(struct kvm *kvm,' -> 'foo' */
function calledIn(above: string): string | null {
  const name = /(\w+)\s*\(/.exec(above)?.[1];
  return name === undefined || /;\s*$/.test(above) || KEYWORDS.has(name) ? null : name;
}

const LOCK_CALL = new RegExp(`\\b(?:${LOCK_OPERATION}|call_s?rcu)\\s*\\([^;]*\\)`);

function note(touched: Touched, kind: '+' | '-', text: string): void {
  if (kind === '+') touched.added++;
  else touched.removed++;
  const code = withoutComments(text);
  for (const [, name = ''] of code.matchAll(/\b([A-Za-z_]\w*)\s*\(/g)) {
    if (!KEYWORDS.has(name) && name !== touched.name) touched.calls.add(name);
  }
  const found = LOCK_CALL.exec(code)?.[0];
  if (found !== undefined) touched.locks.push(`${kind} ${found}`);
}

function withoutComments(text: string): string {
  if (/^\s*\*(?:\s|\/|$)/.test(text)) return '';
  return text
    .replace(/\/\*.*?(?:\*\/|$)/g, '')
    .replace(/\/\/.*$/, '')
    .replace(/"(?:[^"\\]|\\.)*"/g, '""');
}

/** Whether a comment is open behind this line. */
function inComment(text: string, before: boolean): boolean {
  const opens = text.lastIndexOf('/*');
  const closes = text.lastIndexOf('*/');
  if (opens < 0 && closes < 0) return before;
  return opens > closes;
}
