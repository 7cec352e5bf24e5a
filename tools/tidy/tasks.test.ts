/** Goal: nothing in machine, kvm and scenarios means one thing explored and another on threads. */
import { expect, test } from 'vitest';
import { codeFiles, type File, show } from './source.ts';
import { holdsTasks, wrongTasks } from './tasks.ts';

const REAL = codeFiles().filter(holdsTasks);

const HEAD = `import type { Cell, Task } from '@faultline/machine';
declare const c: Cell<number>;
declare function spawn(f: (n: number) => Task, n: number): void;
function* f(n: number): Task<number> { return (yield* c.readOnce()) + n; }
`;

/** Each rule with a text that breaks it and what is said then. */
const BROKEN: readonly (readonly [string, RegExp])[] = [
  ['export function* g(): Task { yield c as never; }', /plain `yield`/],
  ['export function* g(): Task { yield* [1] as never as Iterable<never>; }', /not a task/],
  ['export function* g(): Task { const t = f(1); yield* t; }', /stored/],
  ['export function* g(): Task { const o = { t: f(1) }; yield* o.t; }', /stored/],
  ['export function* g(): Task { f(1); }', /forgotten/],
  ['export function* g(): Task { c.writeOnce(1); }', /forgotten/],
  ['export function g(): Task<number> { return f(1); }', /returned/],
  ['export const g = () => f(1);', /returned/],
  ['export function* g(t: Task): Task { yield* t; spawn(() => t, 1); }', /returned/],
  ['export function* g(): Task { console.log(c.readOnce()); }', /passed on/],
  ['export function* g(): Task { yield* (yield* c.readOnce()) > 1 ? f(1) : f(2); }', /kept/],
  ['export function* g(): Task { for (const x of f(1)) console.log(x); }', /as an iterator/],
  ['export function* g(): Task { console.log([...f(1)]); }', /as an iterator/],
  ['export function* g(): Task { f(1).next(); }', /as an object/],
  ['export function* g(): Task { try { yield* f(1); } finally { console.log(1); } }', /`finally`/],
  ['export function* g(): Generator<number> { yield* []; }', /not a task/],
];

const FINE = `export function* g(): Task<number> {
  const a = yield* f(1);
  const b = (yield* (f(2))) + (yield* c.readOnce());
  label_of_a_step: yield* c.writeOnce(a);
  spawn(function* (n) { yield* f(n); }, 1);
  try { console.log(a); } finally { console.log(b); }
  return yield* f(b);
}`;

const invented = (name: string, text: string): File => ({
  path: `packages/kvm/src/invented-${name}.ts`,
  text: HEAD + text,
});

const INVENTED = [...BROKEN.map(([text], i) => invented(String(i), text)), invented('fine', FINE)];
const PROBLEMS = wrongTasks([...REAL, ...INVENTED]);
const of = (file: string) => show(PROBLEMS.filter((p) => p.path === file));

test('tasks are run where they stand, in machine, kvm and scenarios', () => {
  expect(show(PROBLEMS.filter((p) => !p.path.includes('/invented-')))).toEqual([]);
});

test.each(BROKEN.map(([text, says], i) => [text, says, i] as const))('%s is refused', (_, says, i) => {
  expect(of(`packages/kvm/src/invented-${i}.ts`).join('\n')).toMatch(says);
});

test('ordinary tasks are not refused', () => {
  expect(of('packages/kvm/src/invented-fine.ts')).toEqual([]);
});
