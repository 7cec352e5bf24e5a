/** Goal: an audit says of each pair whether it is safe, over how much, and why; and hides none that is not. */
import { expect, test } from 'vitest';
import { type Audited, auditTable } from './audit.ts';

const cell = (path: string, against: string, verdict: Audited['result']['verdict']): Audited => ({
  row: { path, against, safeBecause: 'the lock is held' },
  result: {
    scenario: `area/${path}-${against}`,
    verdict,
    complete: 3,
    deadlocked: 0,
    stopped: 1,
    truncated: 0,
    blocked: 5,
  },
});

test('each path has a line for each event, in words', () => {
  const text = auditTable([
    cell('f', 'close', 'verified'),
    cell('g', 'close', 'violated'),
    cell('f', 'exit', 'inconclusive'),
  ]);
  expect(text.trim().split('\n')).toEqual([
    'audit: 2 call paths against 2 events',
    '  f',
    '    close: safe over 4 executions: the lock is held',
    '    exit: not decided in 4 executions: area/f-exit',
    '  g',
    '    close: NOT SAFE: area/g-close, diagram above',
  ]);
});

test('one cell alone is no audit', () => {
  expect(auditTable([cell('f', 'close', 'verified')])).toBe('');
});
