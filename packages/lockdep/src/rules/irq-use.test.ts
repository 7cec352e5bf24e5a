/** Goal: what lockdep says about locks and interrupts is said of uses that show it, and of no others. */
import { expect, test } from 'vitest';
import { irqProblems, usageChars, usagesOf } from './irq-use.ts';
import type { Use } from './uses.ts';

const use = (lock: string, path: string, more: Partial<Use> = {}): Use => ({
  lock,
  want: 'exclusive',
  op: 'spin_lock',
  held: [],
  paths: [[path]],
  ...more,
});
const HANDLER = 'vfio_msihandler';
const keys = (uses: Use[]) => irqProblems(uses).map(({ key }) => key);

test('a lock that a handler takes must not be taken with interrupts on', () => {
  const wrong = [use('a', HANDLER, { irqsOff: true }), use('a', 'ioctl')];
  expect(irqProblems(wrong).map(({ text }) => text)).toEqual([
    'inconsistent {IN-HARDIRQ-W} -> {HARDIRQ-ON-W} usage: a',
  ]);
  expect(keys([use('a', HANDLER), use('a', 'ioctl', { irqsOff: true })])).toEqual([]);
  expect(keys([use('a', 'ioctl'), use('a', 'worker')])).toEqual([]);
});

test('a handler may read what tasks read with interrupts on, and not what they write', () => {
  const read = { want: 'read', op: 'read_lock' } as const;
  expect(keys([use('a', HANDLER, read), use('a', 'ioctl', read)])).toEqual([]);
  expect(keys([use('a', HANDLER, read), use('a', 'ioctl')])).toEqual(['irq-use a']);
  expect(keys([use('a', HANDLER), use('a', 'ioctl', read)])).toEqual(['irq-use a']);
});

test('a lock that a handler takes does not wait, over others, for one that is held with interrupts on', () => {
  const inside = (lock: string, outer: string) =>
    use(lock, 'ioctl', { irqsOff: true, held: [{ lock: outer, mode: 'exclusive' }] });
  const uses = [use('a', HANDLER), inside('b', 'a'), inside('c', 'b')];
  expect(keys(uses)).toEqual([]);
  expect(keys([...uses, use('c', 'ioctl')])).toEqual(['irq-order a > c']);
});

test('a read section is no lock', () => {
  const section = use('kvm->srcu', HANDLER, { want: 'recursive-read', op: 'srcu_read_lock' });
  expect(usagesOf([section]).size).toBe(0);
});

test('use is spelled as /proc/lockdep has it', () => {
  const bits = usagesOf([use('a', HANDLER), use('a', 'ioctl', { want: 'read', op: 'read_lock' })]).get('a');
  expect(usageChars(bits ?? new Map())).toBe('-+');
});
