/**
 * Reads the litmus tests of the public corpora for x86 (herd's X86 and X86_64): a head line, what memory and registers
 * begin with, a column for each thread, and a condition. Both ways to write operands are read: `MOV [x],$1` and
 * `movl $1,(x)`.
 */
import type { Instruction, Litmus } from '../programs/litmus.ts';
import { type Condition, readCondition } from './herd-condition.ts';
import { HerdError } from './herd-error.ts';
import { type Names, readInstruction, registerName } from './herd-instruction.ts';

export interface HerdTest {
  readonly test: Litmus;
  readonly condition: Condition;
}

/** Words that a scenario of a test has. */
const MAX_WORDS = 8;
const MAX_THREADS = 8;

/** Throws HerdError, which says what was expected and where, for what is no straight-line x86 test. */
export function readHerd(text: string, file: string): HerdTest {
  const lines = blanked(text).split(/\r?\n/);
  const at = (line: number, message: string, column = 1) => new HerdError(file, line + 1, column, message);
  const head = lines.findIndex((line) => line.trim() !== '');
  const [, arch, name] = /^\s*(\S+)\s+(\S.*?)\s*$/.exec(lines[head] ?? '') ?? [];
  if (arch === undefined || name === undefined)
    throw at(Math.max(head, 0), `expected 'X86_64 NAME' or 'X86 NAME' in the first line`);
  if (!/^x86(_64)?$/i.test(arch)) throw at(head, `a test for ${arch}; only X86 and X86_64 are read`);
  const open = lines.findIndex((line, k) => k > head && line.includes('{'));
  const close = lines.findIndex((line, k) => k >= open && line.includes('}'));
  if (open < 0 || close < 0) throw at(head, `expected '{ x=0; y=0; }', which says what memory begins with`);
  const inside = lines.slice(open, close + 1).join(' ');
  const names: Names = { words: [], registers: [] };
  const columns = lines.findIndex((line, k) => k > close && /^\s*P0\b/.test(line));
  if (columns < 0) throw at(close, `expected the threads, as in ' P0 | P1 ;', after what memory begins with`);
  const count = cells(lines[columns] ?? '').length;
  if (count > MAX_THREADS) throw at(columns, `${count} threads; at most ${MAX_THREADS} are explored`);
  const threads: Instruction[][] = Array.from({ length: count }, () => []);
  let row = columns + 1;
  for (; row < lines.length && (lines[row] ?? '').includes(';') && !isTail(lines[row] ?? ''); row++) {
    readRow(lines[row] ?? '', threads, names, (message, column) => at(row, message, column));
  }
  const tail = lines.slice(row).join('\n');
  const condition = readCondition(tail, names, (message, offset) => {
    const before = tail.slice(0, offset).split('\n');
    return at(row + before.length - 1, message, (before.at(-1)?.length ?? 0) + 1);
  });
  const begins = readInit(inside.slice(inside.indexOf('{') + 1, inside.lastIndexOf('}')), names, (message) =>
    at(open, message),
  );
  if (names.words.length > MAX_WORDS)
    throw at(open, `${names.words.length} words of memory; at most ${MAX_WORDS} are explored`);
  return { test: { name, words: names.words, threads, ...begins }, condition };
}

/** Comments `(* ... *)` as blanks: places stay what they are. */
function blanked(text: string): string {
  return text.replace(/\(\*[\s\S]*?\*\)/g, (comment) => comment.replace(/[^\n]/g, ' '));
}

function isTail(line: string): boolean {
  return /^\s*(?:locations|filter|exists|forall|~)/.test(line);
}

function cells(line: string): string[] {
  return line.slice(0, line.lastIndexOf(';') < 0 ? undefined : line.lastIndexOf(';')).split('|');
}

function readRow(
  line: string,
  threads: readonly Instruction[][],
  names: Names,
  error: (message: string, column: number) => HerdError,
): void {
  let column = 1;
  const row = cells(line);
  if (row.length > threads.length)
    throw error(`${row.length} columns, but ${threads.length} threads`, line.lastIndexOf('|') + 1);
  row.forEach((cell, t) => {
    const text = cell.trim();
    const place = column + cell.length - cell.trimStart().length;
    column += cell.length + 1;
    if (text === '') return;
    const read = readInstruction(text, names);
    if (typeof read === 'string') throw error(read, place);
    (threads[t] as Instruction[]).push(...read);
  });
}

type Begins = Pick<Litmus, 'init' | 'registers'>;

/** `x=1; 0:EAX=2; uint64_t y; [z]=3;` */
function readInit(text: string, names: Names, error: (message: string) => HerdError): Begins {
  const init: number[] = [];
  const registers: Record<string, number>[] = [];
  for (const part of text.split(';').map((piece) => piece.trim())) {
    if (part === '') continue;
    const match =
      /^(?:[a-z_]\w*\s+)?(?:(\d+):\s*%?(\w+)|\[?(\w+)\]?)\s*(?:=\s*(-?(?:0x[0-9a-f]+|\d+)|\w+))?$/i.exec(
        part,
      );
    if (match === null) throw error(`'${part}': expected 'x=1' or '0:EAX=1'`);
    const [, thread, register, word, value = '0'] = match;
    const number = Number(value);
    // `0:rax=x` puts an address into a register, which nothing reads as a number here.
    if (Number.isNaN(number)) throw error(`'${part}': addresses in registers are not supported`);
    if (word !== undefined) init[wordOf(word, names)] = number >>> 0;
    else if (thread !== undefined && register !== undefined) {
      const t = Number(thread);
      registers[t] = { ...registers[t], [registerName(register) ?? register]: number >>> 0 };
    }
  }
  return {
    init: names.words.map((_, k) => init[k] ?? 0),
    registers: Array.from({ length: registers.length }, (_, t) => registers[t] ?? {}),
  };
}

function wordOf(name: string, names: Names): number {
  const known = names.words.indexOf(name);
  return known >= 0 ? known : names.words.push(name) - 1;
}
