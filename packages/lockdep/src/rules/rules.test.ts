import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Edge } from '../graph/graph.ts';
import { LockGraph } from '../graph/graph.ts';
import type { LockChains } from '../proc/chains.ts';
import { explainString } from '../testing/summary.ts';
import { builtInRules } from './builtin.ts';
import { checkGraph } from './graph-check.ts';
import { cite, judgeEdge } from './judge.ts';
import { sameLock } from './names.ts';
import { originOf } from './possible.ts';
import { parseLockingDocument } from './rst.ts';
import { diffRules, ruleKey } from './rule.ts';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8');
const SAMPLES = new URL('../../../../../shared/samples/', import.meta.url);

const edge = (from: string, to: string, more: Partial<Edge> = {}): Edge => ({
  from,
  to,
  held: 'exclusive',
  want: 'exclusive',
  path: [],
  ...more,
});

describe('reading a lock document', () => {
  const book = parseLockingDocument(fixture('rules-example.rst'), 'example');

  test('every rule has the line its words stand on', () => {
    expect(book.rules.map((r) => [r.source.line, ruleKey(r)])).toEqual([
      [12, 'order kvm->lock > vcpu->mutex'],
      [14, 'order kvm->lock > kvm->slots_lock'],
      [14, 'order kvm->lock > kvm->irq_lock'],
      [18, 'synchronize kvm->srcu under kvm->lock true'],
      [18, 'synchronize kvm->srcu under kvm->slots_lock true'],
      [19, 'not-inside kvm->lock @ kvm->srcu'],
      [19, 'not-inside kvm->slots_lock @ kvm->srcu'],
      [24, 'order vcpu->mutex > kvm->arch.hyperv.hv_lock'],
      [26, 'order kvm->arch.mmu_lock > kvm->arch.tdp_mmu_pages_lock'],
      [27, 'requires kvm->arch.tdp_mmu_pages_lock < kvm->arch.mmu_lock'],
      [29, 'leaf *'],
    ]);
    expect(book.unread).toEqual([]);
  });

  test('a field with two paths and an old name in a comment are doubts', () => {
    expect(book.doubts.map((d) => [d.line, /kvm->arch\.mmu_lock|old_mmu_lock/.exec(d.text)?.[0]])).toEqual([
      [26, 'kvm->arch.mmu_lock'],
      [40, 'old_mmu_lock'],
    ]);
  });

  test('a document without blank lines and indentation says the same', () => {
    const flat = fixture('rules-example.rst')
      .split('\n')
      .map((l) => l.trim())
      .filter((l) => l !== '')
      .join('\n');
    expect(parseLockingDocument(flat, 'example').rules.map(ruleKey)).toEqual(book.rules.map(ruleKey));
  });
});

describe('other versions of the document', () => {
  test('the 2012 form has entries and no order', () => {
    const old = parseLockingDocument(
      'KVM Lock Overview\n=====\n\n1. Acquisition Orders\n----\n\n(to be written)\n\n3. Reference\n----\n\nName:\t\tdemo->lock\nType:\t\tspinlock_t\nArch:\t\tany\n',
      'old',
    );
    expect(old.rules).toEqual([]);
    expect(old.entries).toEqual([{ name: 'demo->lock', line: 12, type: 'spinlock_t', arch: 'any' }]);
  });

  test('the later wording of "must also take" is a requires-held rule', () => {
    const text =
      '1. Acquisition Orders\n----\n\n- kvm->arch.mmu_lock is an rwlock; critical sections for\n  kvm->arch.tdp_mmu_pages_lock and kvm->arch.mmu_unsync_pages_lock must\n  also take kvm->arch.mmu_lock\n';
    expect(parseLockingDocument(text, 'x').rules.map((r) => [r.source.line, ruleKey(r)])).toEqual([
      [5, 'requires kvm->arch.tdp_mmu_pages_lock < kvm->arch.mmu_lock'],
      [5, 'requires kvm->arch.mmu_unsync_pages_lock < kvm->arch.mmu_lock'],
    ]);
  });

  test('a lock that others are only taken under is an outer lock, no leaf', () => {
    const text =
      '1. Acquisition Orders\n----\n\n- critical sections for kvm->arch.tdp_mmu_pages_lock must also take kvm->mmu_lock\n\nEverything else is a leaf.\n';
    const book = parseLockingDocument(text, 'x');
    expect(judgeEdge(book, edge('&(kvm)->mmu_lock', '&kvm->arch.tdp_mmu_pages_lock'))).toEqual([]);
    expect(judgeEdge(book, edge('&kvm->irq_lock', '&(kvm)->mmu_lock')).map((v) => v.rule.kind)).toEqual([
      'leaf',
    ]);
  });

  test('one sentence may drop a lock before the grace period and allow it in readers', () => {
    const text =
      '1. Acquisition Orders\n----\n\n- ``synchronize_srcu(&kvm->srcu)`` is called _inside_ the kvm->a_lock critical section.\n  Here kvm->b_lock is released before the call to ``synchronize_srcu()`` and _can_ be taken inside a\n  kvm->srcu read-side critical section.\n';
    expect(parseLockingDocument(text, 'x').rules.map(ruleKey)).toEqual([
      'synchronize kvm->srcu under kvm->a_lock true',
      'synchronize kvm->srcu under kvm->b_lock false',
      'may-inside kvm->b_lock @ kvm->srcu',
    ]);
  });

  test('a sentence about locks that is no known rule is shown, not dropped', () => {
    const text = '1. Acquisition Orders\n----\n\n- foo->a_lock should be polished before foo->b_lock.\n';
    expect(parseLockingDocument(text, 'x').unread).toEqual([
      { line: 4, text: 'foo->a_lock should be polished before foo->b_lock.' },
    ]);
  });

  test.runIf(existsSync(SAMPLES))('the document of 6.1: known lines and known doubts', () => {
    const text = readFileSync(new URL('linux-6.1-selftests/locking.rst', SAMPLES), 'utf8');
    const rst = parseLockingDocument(text, 'locking.rst');
    expect(rst.rules.find((r) => ruleKey(r) === 'order kvm->lock > vcpu->mutex')?.source.line).toBe(12);
    expect(rst.rules).toHaveLength(15);
    expect(rst.doubts.map((d) => /kvm->arch\.mmu_lock|blocked_vcpu_on_cpu_lock/.exec(d.text)?.[0])).toEqual([
      'kvm->arch.mmu_lock',
      'blocked_vcpu_on_cpu_lock',
    ]);
    expect(rst.unread).toEqual([]);
  });
});

describe('names of documents and of lockdep', () => {
  test.each([
    ['kvm->arch.hyperv.hv_lock', '&hv->hv_lock'],
    ['kvm->mmu_lock', '&(kvm)->mmu_lock'],
    ['kvm->arch.mmu_lock', '&(kvm)->mmu_lock'],
    ['kvm_arch::tsc_write_lock', '&kvm->arch.tsc_write_lock'],
    ['cpus_read_lock()', 'cpu_hotplug_lock'],
    ['kvm->lock', '&kvm->lock/1'],
    ['vcpu->mutex', '&vcpu->mutex'],
    ['kvm->mmu_lock', '&(&kvm->mmu_lock)->rlock'],
    ['wakeup_vcpus_on_cpu_lock', '&per_cpu(wakeup_vcpus_on_cpu_lock, cpu)'],
  ])('%s is %s', (a, b) => expect(sameLock(a, b)).toBe(true));

  test.each([
    ['kvm->lock', '&dev->lock'],
    ['vcpu->mutex', '&dev->mutex'],
    ['kvm_lock', '&kvm->lock'],
    ['kvm->slots_lock', '&kvm->slots_arch_lock'],
    ['kvm->srcu', 'srcu'],
  ])('%s is not %s', (a, b) => expect(sameLock(a, b)).toBe(false));
});

describe('judging an edge', () => {
  const book = builtInRules('6.1.192');

  test('the wrong way round breaks the order rule, at its line', () => {
    const [v] = judgeEdge(book, edge('&vcpu->mutex', '&kvm->lock'));
    expect(v?.verdict).toBe('broken');
    expect(v && cite(v.rule)).toBe('locking.rst of 6.1, line 12');
    expect(judgeEdge(book, edge('&kvm->lock', '&vcpu->mutex')).map((x) => x.verdict)).toEqual(['obeyed']);
  });

  test('only a read section makes "inside SRCU" wrong', () => {
    const later = builtInRules('6.14.0');
    expect(
      judgeEdge(later, edge('&kvm->srcu', '&kvm->lock', { held: 'shared' })).map((v) => v.verdict),
    ).toEqual(['broken']);
    expect(judgeEdge(later, edge('&kvm->lock', '&kvm->srcu', { want: 'recursive-read' }))).toEqual([]);
  });

  test('a rule that an older document lacks is cited where it stands first', () => {
    const [v] = judgeEdge(book, edge('&kvm->srcu', '&kvm->lock', { held: 'shared' }));
    expect(v && cite(v.rule)).toBe('locking.rst of 2025 (6.12 and later), line 39');
  });

  test('a leaf with another KVM lock inside is broken, with an allocation inside it is not judged', () => {
    expect(judgeEdge(book, edge('&kvm->irq_lock', '&kvm->irqfds.lock')).map((v) => v.rule.kind)).toEqual([
      'leaf',
    ]);
    expect(judgeEdge(book, edge('&kvm->irq_lock', 'fs_reclaim'))).toEqual([]);
    expect(judgeEdge(book, edge('rtnl_mutex', 'sk_lock'))).toEqual([]);
  });
});

const graph =
  explainString(fixture('kvm-6.1-proc-lockdep.txt')).found.find((f) => f.type === 'proc-lockdep')?.graph ??
  new LockGraph();
const chains: LockChains = explainString(fixture('kvm-6.1-proc-lockdep_chains.txt')).found.find(
  (f) => f.type === 'proc-chains',
)?.chains ?? { chains: [], cut: false };
const check = checkGraph(builtInRules('6.1.192'), graph, chains);

describe('a document against a recorded graph', () => {
  test('the one forbidden order of that kernel is found, and no other', () => {
    expect(check.contradictions.map((c) => [c.seen.outer, c.seen.inner, c.rule.source.line])).toEqual([
      ['&vcpu->mutex', '&kvm->lock', 12],
    ]);
  });

  test('orders that the tests never took are named as such', () => {
    expect(check.neverSeen.filter((n) => n.absent.length === 0).map((n) => n.rule.says)).toContain(
      'kvm->lock is taken outside vcpu->mutex',
    );
    expect(check.confirmed.map((r) => r.says)).toContain('kvm->lock is taken outside kvm->slots_lock');
  });

  test('leaves with KVM locks inside', () => {
    const nested = check.leaves.flatMap((l) => l.kvm.map((s) => `${l.leaf} ${s.inner}`));
    expect(nested).toContain('&kvm->irq_lock &kvm->irqfds.lock');
    expect(nested).toContain('&kvm->gpc_lock &gpc->lock');
    expect(nested).toContain('&kvm->slots_arch_lock &kvm->mn_invalidate_lock');
  });

  test('slots_lock is held across synchronize_srcu, and no reader takes it', () => {
    const srcu = check.grace.find((g) => g.domain === '&kvm->srcu');
    expect(srcu?.across).toContain('&kvm->slots_lock');
    expect(srcu?.inside).toContain('&(kvm)->mmu_lock');
    expect(srcu?.both).toEqual([]);
  });
});

describe('what a graph decides, and what it does not', () => {
  test('without chains the rules about read sections stay undecided, and that is said', () => {
    const without = checkGraph(builtInRules('6.1.192'), graph, null);
    expect(without.undecided.map((u) => u.rule.kind)).toContain('requires-held');
    expect(without.grace).toEqual([]);
  });

  test('a lock taken without the one it requires is a contradiction', () => {
    const alone: LockChains = {
      cut: false,
      chains: [{ context: 0, locks: ['&kvm->lock', '&kvm->arch.tdp_mmu_pages_lock'] }],
    };
    const [c] = checkGraph(builtInRules('6.1.192'), new LockGraph(), alone).contradictions;
    expect([c?.rule.kind, c?.seen.inner]).toEqual(['requires-held', '&kvm->arch.tdp_mmu_pages_lock']);
  });

  test('the documented order and the seen one together are the deadlock of the first seed', () => {
    expect(check.possible.map((c) => c.edges.map((e) => [e.from, e.to, originOf(e)]))).toEqual([
      [
        ['&kvm->lock', '&vcpu->mutex', 'documented'],
        ['&vcpu->mutex', '&kvm->lock', 'seen'],
      ],
    ]);
  });

  test('a lock in both sets of one domain is a deadlock', () => {
    const both: LockChains = {
      cut: false,
      chains: [
        { context: 0, locks: ['&kvm->slots_lock', '&kvm->srcu', '&ACCESS_PRIVATE(ssp, lock)'] },
        { context: 0, locks: ['&vcpu->mutex', '&kvm->srcu', '&kvm->slots_lock'] },
      ],
    };
    const result = checkGraph(builtInRules('6.1.192'), new LockGraph(), both);
    expect(result.grace[0]?.both).toEqual(['&kvm->slots_lock']);
    expect(result.possible.map((c) => c.names)).toEqual([['&kvm->slots_lock', '&kvm->srcu']]);
    expect(result.contradictions.map((c) => c.rule.kind)).toContain('not-inside');
  });
});

test('two documents differ by the rules only one of them has', () => {
  const before = parseLockingDocument(fixture('rules-example.rst'), 'a');
  const after = parseLockingDocument(fixture('rules-example.rst').replace('and kvm->irq_lock', ''), 'b');
  const d = diffRules(before, after);
  expect(d.removed.map(ruleKey)).toEqual(['order kvm->lock > kvm->irq_lock']);
  expect(d.added).toEqual([]);
});
