import { expect, test } from 'vitest';
import { TransformError } from './error.ts';
import { transform } from './transform.ts';

const SOURCE = `/** @area memslots */
/** @kernel install_new_memslots virt/kvm/kvm_main.c */
export function* install(kvm: Kvm): Task<number> {
  const old = yield* kvm.memslots.xchg(1, at('memslots.swap_pointer'));
  bump_generation_again: yield* kvm.generation.writeOnce((yield* next(old)) + 1);
  outer: for (;;) { if (old) break outer; }
  return old;
}
export const threads = { *vcpu0(vm: Vm) { yield* run(vm); } };
`;

test('the explored build hands over what it yields with its site and guards labelled statements', () => {
  const { code } = transform(SOURCE, 'memslots.ts', { platform: 'explored' })!;
  expect(code).toContain('yield $y(kvm.memslots.xchg(1, $s0), $b + 0)');
  expect(code).toContain(
    '{ if (!$s1.off) yield $y(kvm.generation.writeOnce((yield $y(next(old), $b + 2)) + 1), $b + 1); }',
  );
  expect(code).toContain('"install_new_memslots"');
  expect(code).toContain('outer: for (;;)');
});

test('the threads build has no generator, no yield and no label left', () => {
  const { code } = transform(SOURCE, 'memslots.ts', { platform: 'threads' })!;
  expect(code).not.toMatch(/yield|function\*|\*vcpu0|bump_generation_again/);
  expect(code).toContain('kvm.generation.writeOnce((next(old)) + 1);');
});

test('a step left out of a threads build takes its statement with it', () => {
  const { code } = transform(SOURCE, 'memslots.ts', {
    platform: 'threads',
    without: new Set(['memslots.bump_generation_again']),
  })!;
  expect(code).not.toContain('generation.writeOnce');
});

test('a replaced function is exported from its variant', () => {
  const { code } = transform(SOURCE, 'memslots.ts', {
    platform: 'explored',
    replaced: new Map([['install', './variant.ts']]),
  })!;
  expect(code).toContain('import { install } from "./variant.ts"; export { install };');
  expect(code).toContain('function* install$replaced');
});

test.each([
  ['export function* f() { yield 1; }', /plain `yield`/],
  ['export function* f() { just_wrong: yield* g(); }', /needs an area/],
  ['/** @area io */ export function* f() { wrong: yield* g(); }', /snake case/],
  ['export function* f(n) { yield* g(at(n)); }', /string literal/],
  ['export async function* f() { yield* g(); }', /async/],
])('%s is refused', (source, reason) => {
  expect(() => transform(source, 'x.ts', { platform: 'explored' })).toThrow(reason);
  expect(() => transform(source, 'x.ts', { platform: 'threads' })).toThrow(TransformError);
});
