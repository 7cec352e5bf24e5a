/** Goal: what README and docs/guide.md say is printed, is. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { faultline, ROOT } from '../../packages/cli/src/testing/run.ts';
import { commandsOf, mismatch } from './console.ts';

const COMMANDS = ['README.md', 'docs/guide.md'].flatMap((file) =>
  commandsOf(readFileSync(path.join(ROOT, file), 'utf8')).map((command) => ({ file, ...command })),
);

test('README and the guide have commands to run', () => {
  expect(new Set(COMMANDS.map(({ file }) => file)).size).toBe(2);
});

test.each(
  COMMANDS.map(
    (command) => [`${command.file}:${command.line}: faultline ${command.words.join(' ')}`, command] as const,
  ),
)('%s', { timeout: 300_000 }, (_, { words, expected, exit }) => {
  const ran = faultline(words);
  expect(mismatch(expected, ran.stdout.split('\n')), ran.stdout + ran.stderr).toBe(null);
  if (exit !== null) expect(ran.status).toBe(exit);
});

test('a block gives its commands, what they print and how they end', () => {
  const [first, second] = commandsOf(
    'text\n```console\n$ npx faultline list io\na\n$ echo $?\n0\n$ npx faultline x\n```\n',
  );
  expect(first).toEqual({ line: 3, words: ['list', 'io'], expected: ['a'], exit: 0 });
  expect(second).toEqual({ line: 7, words: ['x'], expected: [], exit: null });
});

test('output that differs is noticed; elided lines, numbers and tokens may differ', () => {
  expect(mismatch(['a', '...', 'c <n> d'], ['a', 'b', 'b', 'c 1,234.5 d', ''])).toBe(null);
  expect(mismatch(['a', 'c'], ['a', 'b', 'c'])).toMatch(/found: b/);
  expect(mismatch(['a'], ['a', 'b'])).toMatch(/end of the output/);
  expect(mismatch(['a', 'b'], ['a'])).toMatch(/end of output/);
  expect(mismatch(['c <n>'], ['c x'])).toMatch(/found: c x/);
  expect(mismatch(['run <token>'], ['run f1.a/b.xyz'])).toBe(null);
});
