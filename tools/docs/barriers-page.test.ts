/** Goal: docs/barriers.md names every ordering that the sources have, and none that they do not have. */
import { mutants } from '@faultline/scenarios';
import { expect, test } from 'vitest';
import { allBarriers, barriersIn, barriersPage } from './barriers-page.ts';
import { inRoot } from './page.ts';

test('docs/barriers.md is fresh', async () => {
  const { file, text } = barriersPage(mutants);
  await expect(text).toMatchFileSnapshot(inRoot(file));
});

test('a barrier is found with its label or its name, and with the comment above it', () => {
  const text = [
    '/** @area mmu */',
    "import { smpMb } from '@faultline/machine';",
    '  // Pairs with that one,',
    '  // over there.',
    '  order_a_before_b: yield* smpMb();',
    '  yield* smpWmb();',
    "  yield* slots.assign(next, at('memslots.publish_slots'));",
    '  // yield* smpRmb();',
  ].join('\n');
  expect(barriersIn('x.ts', text)).toEqual([
    {
      file: 'x.ts',
      line: 5,
      what: 'smp_mb()',
      step: 'mmu.order_a_before_b',
      says: 'Pairs with that one, over there.',
    },
    { file: 'x.ts', line: 6, what: 'smp_wmb()', step: '', says: '' },
    { file: 'x.ts', line: 7, what: 'rcu_assign_pointer()', step: 'memslots.publish_slots', says: '' },
  ]);
});

test('every change that leaves a barrier out is about a barrier that is there', () => {
  const steps = new Set(allBarriers().map(({ step }) => step));
  const about = mutants.flatMap(({ off = [] }) => off).filter((step) => /barrier|\.order_/.test(step));
  expect(about.filter((step) => !steps.has(step))).toEqual([]);
  expect(about.length).toBeGreaterThan(5);
});
