import { describe, expect, test } from 'vitest';
import { explainString } from '../testing/summary.ts';
import { skeletonOf } from './skeleton.ts';
import { opsOf, type RaceTable } from './table.ts';

function tableOf(text: string): { table: RaceTable; cycle: readonly string[] } {
  const found = explainString(text).found[0];
  if (found?.type !== 'race-table') throw new Error('expected a race table');
  return { table: found.table, cycle: found.cycle.map((e) => e.from) };
}

describe('columns', () => {
  test('text belongs to the column it stands under, also where it stands alone', () => {
    const { table } = tableOf(
      '  CPU0              CPU1\n  a = 1;\n                    b = 2;\n  c = 3;            d = 4;\n',
    );
    expect(table.columns).toEqual(['CPU0', 'CPU1']);
    expect(table.rows.map((r) => [r.column, r.text])).toEqual([
      [0, 'a = 1;'],
      [1, 'b = 2;'],
      [0, 'c = 3;'],
      [1, 'd = 4;'],
    ]);
    expect(table.doubt).toBe('');
  });

  test('three columns, and other words for a CPU', () => {
    const { table } = tableOf(
      'Thread 1          Thread 2          Thread 3\nx();              y();              z();\n',
    );
    expect(table.rows.map((r) => r.column)).toEqual([0, 1, 2]);
  });

  test('one line a CPU', () => {
    const { table } = tableOf('CPU 0:  read_lock(&a); srcu_read_lock(&s); ...\n\nCPU 1:  write_lock(&a);\n');
    expect(table.columns).toEqual(['CPU 0', 'CPU 1']);
    expect(table.rows).toHaveLength(3);
  });

  test('prose after the table is not part of it', () => {
    const { table } = tableOf(
      'CPU0                CPU1\nfoo();              bar();\n\nThis is what happens when both of them run.\n',
    );
    expect(table.rows).toHaveLength(2);
  });

  test('a table that may have lost its indentation is doubted', () => {
    expect(tableOf('CPU0                CPU1\na;\nb;\nc;\n').table.doubt).toContain('lost its indentation');
  });
});

describe('orders', () => {
  const draw = (...rows: string[]) =>
    tableOf(`CPU0                          CPU1\n${rows.join('\n')}\n`).cycle;

  test('two mutexes in both orders deadlock, released ones do not', () => {
    expect(
      draw('mutex_lock(&a);               mutex_lock(&b);', 'mutex_lock(&b);               mutex_lock(&a);'),
    ).toEqual(['&a', '&b']);
    expect(
      draw(
        'mutex_lock(&a);               mutex_lock(&b);',
        'mutex_unlock(&a);             mutex_unlock(&b);',
        'mutex_lock(&b);               mutex_lock(&a);',
      ),
    ).toEqual([]);
  });

  test('waiting for a work item that wants a lock the waiter holds', () => {
    expect(
      draw(
        'mutex_lock(&a);               worker_thread()',
        '  cancel_work_sync()            mutex_lock(&a);',
      ),
    ).toEqual(['&a', 'work']);
  });

  test('operations are read with their first argument', () => {
    expect(
      opsOf('idx = srcu_read_lock(&kvm->srcu); mutex_lock_nested(&a, 1); up_read(&r);').map((o) => [
        o.kind,
        o.lock,
        o.want,
      ]),
    ).toEqual([
      ['take', '&kvm->srcu', 'recursive-read'],
      ['take', '&a', 'exclusive'],
      ['drop', '&r', 'exclusive'],
    ]);
  });
});

test('the skeleton has a thread for each column with its rows in order', () => {
  const { table } = tableOf('CPU0                CPU1\nfoo();              bar();\nbaz();\n');
  const text = skeletonOf(table);
  expect(text).toMatch(/\*cpu0\(state\) \{\n {6}\/\/ foo\(\);\n {6}\/\/ baz\(\);/);
  expect(text).toMatch(/\*cpu1\(state\) \{\n {6}\/\/ bar\(\);/);
  expect(text).toContain('always: {');
  expect(text).toContain('sometimes: {');
});
