/** Diffs against the sources as they are, so that tests of patches do not grow stale. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './run.ts';

/** A diff of one file of the project, in which each `from` (which must be there once) becomes `to`. */
export function diffOf(file: string, changes: readonly (readonly [from: string, to: string])[]): string {
  const before = readFileSync(path.join(ROOT, file), 'utf8');
  let after = before;
  for (const [from, to] of changes) {
    if (after.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
    after = after.replace(from, () => to);
  }
  return diffOfTexts(file, before, after);
}

/** One hunk from the first line that differs to the last, with three lines around it. */
export function diffOfTexts(file: string, before: string, after: string): string {
  const [old, now] = [before.split('\n'), after.split('\n')];
  let front = 0;
  while (front < Math.min(old.length, now.length) && old[front] === now[front]) front++;
  let back = 0;
  while (back < Math.min(old.length, now.length) - front && old.at(-1 - back) === now.at(-1 - back)) back++;
  const from = Math.max(0, front - 3);
  const until = Math.max(0, back - 3);
  const a = old.slice(from, old.length - until);
  const b = now.slice(from, now.length - until);
  const context = (n: number, at: number) => old.slice(at, at + n).map((line) => ` ${line}`);
  return [
    `diff --git a/${file} b/${file}`,
    `--- a/${file}`,
    `+++ b/${file}`,
    `@@ -${from + 1},${a.length} +${from + 1},${b.length} @@`,
    ...context(front - from, from),
    ...old.slice(front, old.length - back).map((line) => `-${line}`),
    ...now.slice(front, now.length - back).map((line) => `+${line}`),
    ...context(back - until, old.length - back),
    '',
  ].join('\n');
}
