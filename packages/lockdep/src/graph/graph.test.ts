import { describe, expect, test } from 'vitest';
import { findCycles } from './cycles.ts';
import { diffGraphs, LockGraph, type WantMode } from './graph.ts';
import { describeUsage, isSrcuClass, parseClassName, parseUsage } from './lock-class.ts';
import { LockObserver } from './observer.ts';

type Step = readonly [task: string, want: WantMode | 'drop', lock: string];

function observe(steps: readonly Step[]): LockGraph {
  const graph = new LockGraph();
  const observer = new LockObserver(graph);
  for (const [task, want, lock] of steps) {
    if (want === 'drop') observer.release(task, lock);
    else observer.acquire({ task, want, lock });
  }
  return graph;
}

const cyclesOf = (steps: readonly Step[]) => findCycles(observe(steps)).cycles.map((c) => c.names);

describe('names', () => {
  test('version and subclass are read off the end, and only there', () => {
    expect(parseClassName('&x->wait#2/1')).toMatchObject({ base: '&x->wait', version: 2, subclass: 1 });
    expect(parseClassName('(work_completion)(&(&p->dwork)->work)')).toMatchObject({
      version: 1,
      subclass: 0,
    });
    expect(parseClassName('ptlock_ptr(page)#2')).toMatchObject({ base: 'ptlock_ptr(page)', version: 2 });
  });

  test('usage characters say in which context a class was taken', () => {
    const usage = parseUsage('+.?.');
    expect(usage && describeUsage(usage)).toBe(
      'taken with hardirq enabled, taken inside softirq, taken with softirq enabled',
    );
    expect(parseUsage('{x}')).toBeNull();
    expect(parseUsage('+.+.+.')?.uses.at(-2)?.context).toBe('reclaim');
  });

  test('SRCU domains are told from the locks inside them', () => {
    expect(
      ['&kvm->srcu', '&kvm->irq_srcu', 'srcu', '&head->track_srcu', 'pmus_srcu'].every(isSrcuClass),
    ).toBe(true);
    expect(['srcu.lock', '&ssp->srcu_gp_mutex', '&kvm->lock'].some(isSrcuClass)).toBe(false);
  });
});

describe('cycles', () => {
  const ab: Step[] = [
    ['1', 'exclusive', 'a'],
    ['1', 'exclusive', 'b'],
    ['1', 'drop', 'b'],
    ['1', 'drop', 'a'],
  ];
  const ba: Step[] = [
    ['2', 'exclusive', 'b'],
    ['2', 'exclusive', 'a'],
  ];

  test('two mutexes in both orders', () => {
    expect(cyclesOf([...ab, ...ba])).toEqual([['a', 'b']]);
    expect(cyclesOf(ab)).toEqual([]);
  });

  test('the edge is kept however long the observer ran: each pair of held and wanted', () => {
    const graph = observe([
      ['1', 'exclusive', 'a'],
      ['1', 'exclusive', 'b'],
      ['1', 'exclusive', 'c'],
    ]);
    expect([...graph.allEdges()].map((e) => [e.from, e.to, e.outer])).toEqual([
      ['a', 'b', []],
      ['a', 'c', ['b']],
      ['b', 'c', ['a']],
    ]);
  });
});

describe('SRCU in cycles', () => {
  test('an SRCU read section and a mutex in both orders are silent', () => {
    expect(
      cyclesOf([
        ['1', 'exclusive', 'm1'],
        ['1', 'recursive-read', 'srcu1'],
        ['2', 'recursive-read', 'srcu1'],
        ['2', 'exclusive', 'm1'],
      ]),
    ).toEqual([]);
  });

  test('an SRCU read section and a read lock in both orders are silent, with a writer and a grace period elsewhere', () => {
    expect(
      cyclesOf([
        ['0', 'read', 'rla'],
        ['0', 'recursive-read', 'srcua'],
        ['1', 'recursive-read', 'srcua'],
        ['1', 'read', 'rla'],
        ['2', 'synchronize', 'srcua'],
        ['3', 'exclusive', 'rla'],
      ]),
    ).toEqual([]);
  });

  test('they deadlock once the writer waits for the grace period', () => {
    expect(
      cyclesOf([
        ['1', 'recursive-read', 'srcua'],
        ['1', 'read', 'rla'],
        ['3', 'exclusive', 'rla'],
        ['3', 'synchronize', 'srcua'],
      ]),
    ).toEqual([['rla', 'srcua']]);
  });

  test('a mutex taken in a reader and held across synchronize_srcu closes', () => {
    expect(
      cyclesOf([
        ['1', 'exclusive', 'slots_lock'],
        ['1', 'synchronize', 'srcu'],
        ['2', 'recursive-read', 'srcu'],
        ['2', 'exclusive', 'slots_lock'],
      ]),
    ).toEqual([['slots_lock', 'srcu']]);
  });

  test('synchronize_srcu inside a read section of its own domain waits for itself', () => {
    expect(
      cyclesOf([
        ['1', 'recursive-read', 'srcu'],
        ['1', 'synchronize', 'srcu'],
      ]),
    ).toEqual([['srcu']]);
  });

  test('a synchronize holds nothing: what is taken after it is not inside it', () => {
    const graph = observe([
      ['1', 'synchronize', 'srcu'],
      ['1', 'exclusive', 'a'],
    ]);
    expect([...graph.allEdges()]).toEqual([]);
  });
});

describe('waits and bounds', () => {
  test('a wait for a work item is an edge', () => {
    expect(
      cyclesOf([
        ['1', 'exclusive', 'kvm->lock'],
        ['1', 'wait', 'work'],
        ['worker', 'exclusive', 'work'],
        ['worker', 'exclusive', 'kvm->lock'],
      ]),
    ).toEqual([['kvm->lock', 'work']]);
  });

  test('a search that hits its bound says so', () => {
    const steps: Step[] = [];
    for (let i = 0; i < 6; i++) {
      steps.push([`x${i}`, 'exclusive', 'hub'], [`x${i}`, 'exclusive', `n${i}`]);
      steps.push([`y${i}`, 'exclusive', `n${i}`], [`y${i}`, 'exclusive', 'hub']);
    }
    const graph = observe(steps);
    expect(findCycles(graph, { maxCycles: 3 }).cut).toBe(true);
    expect(findCycles(graph)).toMatchObject({ cut: false, cycles: { length: 6 } });
  });
});

test('the difference of two graphs names the edges that only one has', () => {
  const before = observe([
    ['1', 'exclusive', 'a'],
    ['1', 'exclusive', 'b'],
  ]);
  const after = observe([
    ['1', 'exclusive', 'b'],
    ['1', 'exclusive', 'a'],
  ]);
  const d = diffGraphs(before, after);
  expect(d.added.map((e) => `${e.from}>${e.to}`)).toEqual(['b>a']);
  expect(d.removed.map((e) => `${e.from}>${e.to}`)).toEqual(['a>b']);
});

test('releasing what is not held is reported', () => {
  const observer = new LockObserver(new LockGraph());
  observer.acquire({ task: '1', want: 'exclusive', lock: 'a' });
  expect(observer.release('1', 'b')).toBe(false);
  expect(observer.release('1', 'a')).toBe(true);
  expect(observer.held('1')).toEqual([]);
});
