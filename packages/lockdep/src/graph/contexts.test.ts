import { describe, expect, test } from 'vitest';
import { findInterruptCycles, waitViolation, withUse } from './contexts.ts';
import { type Edge, LockGraph } from './graph.ts';
import { parseClassName, parseUsage } from './lock-class.ts';

function graphOf(usages: Readonly<Record<string, string>>, edges: readonly Partial<Edge>[] = []): LockGraph {
  const graph = new LockGraph();
  for (const [name, chars] of Object.entries(usages)) {
    const usage = parseUsage(chars);
    graph.addClass(name, usage ? { usage } : {});
  }
  for (const e of edges)
    graph.addEdge({ from: '', to: '', held: 'exclusive', want: 'exclusive', path: [], ...e });
  return graph;
}

const names = (graph: LockGraph) => findInterruptCycles(graph).cycles.map((c) => c.names);

describe('cycles through an interrupt', () => {
  test('a lock used in interrupts and with them enabled deadlocks on one CPU', () => {
    expect(names(graphOf({ a: '?...' }))).toEqual([['a']]);
    expect(names(graphOf({ a: '-...' }))).toEqual([]);
    expect(names(graphOf({ a: '+...' }))).toEqual([]);
  });

  test('a recursive reader in the interrupt does not wait for the reader it interrupted', () => {
    expect(names(graphOf({ a: '.?..' }))).toEqual([]);
    expect(names(graphOf({ a: '+-..' }))).toEqual([['a']]);
  });

  test('an irq-safe lock around an irq-unsafe one', () => {
    const usages = { safe: '-...', unsafe: '+...' };
    expect(names(graphOf(usages, [{ from: 'safe', to: 'unsafe' }]))).toEqual([['safe', 'unsafe']]);
    expect(names(graphOf(usages, [{ from: 'unsafe', to: 'safe' }]))).toEqual([]);
  });

  test('soft interrupts count by themselves', () => {
    expect(names(graphOf({ safe: '..-.', unsafe: '+...' }, [{ from: 'safe', to: 'unsafe' }]))).toEqual([]);
    expect(names(graphOf({ safe: '..-.', unsafe: '..+.' }, [{ from: 'safe', to: 'unsafe' }]))).toEqual([
      ['safe', 'unsafe'],
    ]);
  });
});

test('uses add up, and print as lockdep prints them', () => {
  const once = withUse(undefined, { context: 'hardirq', read: false, usedIn: true, usedEnabled: false });
  expect(once.chars).toBe('-...');
  const twice = withUse(once, { context: 'hardirq', read: false, usedIn: false, usedEnabled: true });
  expect(twice.chars).toBe('?...');
  expect(withUse(twice, { context: 'softirq', read: true, usedIn: false, usedEnabled: true }).chars).toBe(
    '?..+',
  );
});

test('a lock may not wait longer than what is held, nor than the context', () => {
  const lock = (name: string, inner: number) => ({ ...parseClassName(name), wait: { outer: inner, inner } });
  expect(waitViolation([lock('raw', 2)], 4, lock('mutex', 4))?.name).toBe('raw');
  expect(waitViolation([], 2, lock('spin', 3))).toBeNull();
  expect(waitViolation([lock('mutex', 4)], 4, lock('raw', 2))).toBeUndefined();
  expect(waitViolation([], 2, parseClassName('unknown'))).toBeUndefined();
});
