/** Goal: tests as the public corpora have them are read, in both ways to write x86, and nothing else is half understood. */
import { expect, test } from 'vitest';
import type { Instruction } from '../programs/litmus.ts';
import { bruteForce } from './brute-force.ts';
import { readHerd } from './herd.ts';
import { HerdError } from './herd-error.ts';
import { exploreLitmus, parseOutcome } from './outcomes.ts';
import { LITMUS } from './tests.ts';

const SB = `X86 SB
"PodWR Fre PodWR Fre"
{ x=0; y=0; }
 P0          | P1          ;
 MOV [x],$1  | MOV [y],$1  ;
 MOV EAX,[y] | MOV EAX,[x] ;
exists (0:EAX=0 /\\ 1:EAX=0)
`;

const shows = (text: string, model: 'sc' | 'tso') => {
  const { test: read, condition } = readHerd(text, 'a.litmus');
  const all = [...exploreLitmus(read, model).outcomes.keys()].map((one) =>
    condition.holds(parseOutcome(one)),
  );
  return { exists: all.some(Boolean), forall: all.every(Boolean) };
};

test('store buffering in the syntax of Intel', () => {
  expect(shows(SB, 'tso').exists).toBe(true);
  expect(shows(SB, 'sc').exists).toBe(false);
});

test('the same with registers that begin with a value, and xchg, which is locked by itself', () => {
  const text = SB.replace('{ x=0; y=0; }', '{ 0:EBX=1; 1:EBX=1; }')
    .replace('MOV [x],$1', 'XCHG [x],EBX')
    .replace('MOV [y],$1', 'XCHG [y],EBX');
  expect(shows(text, 'tso').exists).toBe(false);
});

test('both orders of operands, comments, types and mnemonics with a width', () => {
  const text = `X86_64 MP (* message passing *)
{ uint64_t x; uint64_t y=0; uint64_t 1:rax; }
 P0            | P1            ;
 movq $1,(x)   | movq (y),%rax ;
 movq $1,(y)   | movq (x),%rbx ;
forall (1:rax=0 \\/ (1:rbx=1 /\\ ~ x=0))`;
  expect(shows(text, 'tso').forall).toBe(true);
});

test('locked read-modify-writes: what they leave and what they return', () => {
  const text = `X86_64 RMW
{ x=3; 0:rbx=5; 0:rax=3; 0:rcx=2; }
 P0 ;
 lock xaddq %rcx,(x) ;
 lock incq (x) ;
 lock decq (x) ;
 lock addq $4,(x) ;
 lock subq $1,(x) ;
 movq $8,%rax ;
 lock cmpxchgq %rbx,(x) ;
exists (x=5 /\\ 0:rcx=3 /\\ 0:rax=8)`;
  expect(shows(text, 'tso')).toEqual({ exists: true, forall: true });
});

test('what is read is what was meant: every known test, written out and read back', () => {
  for (const { test: known } of LITMUS) {
    const { test: read } = readHerd(written(known.threads, known.words), known.name);
    for (const model of ['sc', 'tso'] as const) {
      const renamed = (text: string) => text.replace(/(\d):r(\w)x=/g, '$1:$2=');
      expect([...bruteForce(read, model)].map(renamed).map(sorted).sort()).toEqual(
        [...bruteForce(known, model)]
          .map((text) => text.replace(/:(?:mode|request|old)=/g, named))
          .map(sorted)
          .sort(),
      );
    }
  }
});

const named = (text: string) => ({ ':mode=': ':a=', ':request=': ':a=', ':old=': ':b=' })[text] as string;
const sorted = (text: string) => text.split(' ').sort().join(' ');

function written(threads: readonly (readonly Instruction[])[], words: readonly string[]): string {
  const register = (name: string) => `%r${named(`:${name}=`)?.charAt(1) ?? name}x`;
  const code = threads.map((thread) =>
    thread.flatMap((step): string[] => {
      if (step.op === 'store') return [`movq $${step.value},(${words[step.at]})`];
      if (step.op === 'load') return [`movq (${words[step.at]}),${register(step.into)}`];
      if (step.op === 'fence') return ['mfence'];
      if (step.op !== 'xchg') throw new Error(`no ${step.op} in the known tests`);
      return [
        `movq $${step.value},${register(step.into)}`,
        `xchgq ${register(step.into)},(${words[step.at]})`,
      ];
    }),
  );
  const rows = Math.max(...code.map((thread) => thread.length));
  const lines = Array.from(
    { length: rows },
    (_, k) => ` ${code.map((thread) => thread[k] ?? '').join(' | ')} ;`,
  );
  const head = ` ${code.map((_, t) => `P${t}`).join(' | ')} ;`;
  return [
    'X86_64 T',
    `{ ${words.map((word) => `${word}=0;`).join(' ')} }`,
    head,
    ...lines,
    'exists (x=0)',
  ].join('\n');
}

test.each([
  ['AArch64 SB\n{}\n P0 ;\n MOV W0,#1 ;\nexists (x=1)', 1, 1, /a test for AArch64/],
  ['', 1, 1, /expected 'X86_64 NAME'/],
  [SB.replace('{ x=0; y=0; }', ''), 1, 1, /expected '\{ x=0/],
  [SB.replace('MOV EAX,[y]', 'JNE L00     '), 6, 2, /'JNE L00': straight-line code/],
  [SB.replace('MOV [x],$1', 'MOV [x],[y]'), 5, 2, /at most one word of memory/],
  [SB.replace('0:EAX=0', '0:EAX<0'), 7, 9, /expected '\/\\'|expected '0:EAX=1'|expected '\)'/],
  [SB.replace('exists', 'sometimes'), 7, 1, /expected a condition/],
  [SB.replace('x=0; y=0;', 'x=0; 0:EAX=y;'), 3, 1, /addresses in registers/],
  [SB.replace('(0:EAX', '(((0:EAX'), 8, 1, /expected '\)'/],
])('what cannot be read says where and what was expected: %#', (text, line, column, message) => {
  let thrown: unknown;
  try {
    readHerd(text, 'a.litmus');
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(HerdError);
  const error = thrown as HerdError;
  expect(error.message).toMatch(message);
  expect({ line: error.line, column: error.column }).toEqual({ line, column });
});

test('no damage to a test crashes the reader: it is read, or refused with a place', () => {
  let state = 7;
  const below = (n: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % n;
  };
  const pieces = [
    '(',
    ')',
    '~',
    '/\\',
    '\\/',
    ';',
    '|',
    '{',
    '}',
    '=',
    '[',
    '%',
    '$',
    '0:',
    '\n',
    'lock ',
    '(*',
    '9',
  ];
  let refused = 0;
  for (let k = 0; k < 4000; k++) {
    let text = SB;
    for (let change = 0; change <= below(3); change++) {
      const at = below(text.length);
      text = text.slice(0, at) + (pieces[below(pieces.length)] ?? '') + text.slice(at + below(4));
    }
    try {
      readHerd(text, 'a.litmus');
    } catch (error) {
      if (!(error instanceof HerdError)) throw error;
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(1000);
  expect(() => readHerd(SB.replace('(0:EAX=0', `${'('.repeat(100_000)}0:EAX=0`), 'a')).toThrow(HerdError);
});
