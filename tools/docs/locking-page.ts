/** docs/locking.md: the locks of KVM, their rules, what exercises each rule and what breaks it. */
import { cite, type RuleBook, usageChars } from '@faultline/lockdep';
import { isPermission, whyUnexercised } from '../../packages/cli/src/locks/broken-by.ts';
import type { Coverage, RuleCoverage } from '../../packages/cli/src/locks/coverage.ts';
import { code, type Page, page, table } from './page.ts';

export interface LockingFacts {
  readonly coverage: Coverage;
  readonly book: RuleBook;
  /** Fields that name a lock as their guard. */
  readonly guards: ReadonlyMap<string, readonly string[]>;
  /** Mutants that break a rule, by its key. */
  readonly brokenBy: ReadonlyMap<string, readonly string[]>;
}

const KINDS = [
  [
    'order',
    'Orders',
    'The first is taken outside the second: nobody who holds the second asks for the first.',
  ],
  ['requires-held', 'Only with another lock held', 'Taken alone it would protect nothing.'],
  ['not-inside', 'Not inside', 'A read section that a holder of the lock may wait for, or an MMU notifier.'],
  [
    'synchronize',
    'Over a grace period',
    'Locks that are held over `synchronize_srcu()`, and locks that must not be.',
  ],
  ['may-inside', 'Allowed inside a read section', 'Its holders wait for no reader.'],
  [
    'leaf',
    'Leaves',
    'No lock of KVM is taken inside. The document calls everything else a leaf; that is too much.',
  ],
] as const;

export function lockingPage(facts: LockingFacts): Page {
  const { coverage, book } = facts;
  const never = coverage.rules.filter((r) => r.scenarios.length === 0).map(({ rule }) => unexercised(rule));
  const intro = [
    'The locks of KVM as the kernel spells them, what each protects (fields are those that declare it as their guard), and the',
    'rules that every exploration is held against: a rule that is broken is a finding. `npx faultline locks` prints this page',
    'anew, `--dot` the graph, `--against` a copy of /proc/lockdep beside it; docs/fidelity.md explains how the two differ.',
  ].join('\n');
  const sections = [
    `## Locks\n\n${USE}\n\n${locksTable(facts)}`,
    `## Rules\n\n${coverage.rules.length} rules, from ${sources(book)}.`,
    ...KINDS.map(([kind, title, says]) => rulesSection(facts, kind, title, says)),
    `## Rules that nothing exercises\n\n${never.length === 0 ? 'None.' : never.map((says) => `- ${says}`).join('\n')}`,
    `## Locks that an interrupt may find held\n\n${interrupts(facts)}`,
    `## Waits that are no locks\n\n${waitsTable(coverage)}`,
    `## Cycles over all scenarios together\n\n${cycles(coverage)}`,
  ];
  return page('docs/locking.md', 'Locks of KVM', [intro, ...sections].join('\n\n'));
}

const USE = [
  '*Use* is what /proc/lockdep prints for hard interrupts, of who holds the lock alone and of its readers: `-` an interrupt takes',
  'it, `+` a task takes it with interrupts on, `?` both, `.` neither. A lock that an interrupt takes must never be held where one',
  'can come, nor wait for a lock that is: either is a finding.',
].join('\n');

function locksTable({ coverage, guards }: LockingFacts): string {
  const rows = coverage.locks.map(({ lock, scenarios }) => {
    const fields = guards.get(lock.name) ?? [];
    const bits = coverage.usages.get(lock.name);
    const declared = fields.length === 0 ? '' : `; ${fields.map(code).join(', ')}`;
    const kernels = lock.kernels === undefined ? '' : ` (${lock.kernels})`;
    const comment = lock.comment === undefined ? '' : `; ${lock.comment}`;
    const taken = lock.left === undefined ? `${scenarios.length}` : `none: ${lock.left}`;
    return [
      code(lock.name),
      `${lock.type}${kernels}`,
      lock.arch,
      `${lock.protects}${declared}`,
      `${lock.context}${comment}`,
      bits === undefined ? '' : code(usageChars(bits)),
      taken,
    ];
  });
  return table(['lock', 'type', 'arch', 'protects', 'context', 'use', 'scenarios that take it'], rows);
}

function rulesSection(facts: LockingFacts, kind: string, title: string, says: string): string {
  const rules = facts.coverage.rules.filter(({ rule }) => rule.kind === kind);
  const rows = rules.map((rule) => [rule.rule.says, cite(rule.rule), exercised(rule), broken(rule, facts)]);
  return `### ${title}\n\n${says}\n\n${table(['rule', 'source', 'exercised by', 'broken by'], rows)}`;
}

function unexercised(rule: RuleCoverage['rule']): string {
  const why = whyUnexercised(rule);
  return why === '' ? rule.says : `${rule.says}: ${why}`;
}

function broken({ rule, key }: RuleCoverage, { brokenBy }: LockingFacts): string {
  if (isPermission(rule)) return 'permission: nothing to break';
  return (brokenBy.get(key) ?? []).map(code).join(', ');
}

function exercised({ scenarios }: RuleCoverage): string {
  const [first, ...rest] = scenarios;
  if (first === undefined) return '**nothing**';
  return rest.length === 0 ? code(first) : `${code(first)} and ${rest.length} more`;
}

function sources({ rules }: RuleBook): string {
  const stated = rules.filter((r) => r.source.line > 0).length;
  return `the kernel's document (${stated}) and its code (${rules.length - stated})`;
}

function interrupts({ coverage, brokenBy }: LockingFacts): string {
  const found = coverage.interrupts.map(({ text }) => `- ${text}`).join('\n');
  const rows = [...brokenBy]
    .filter(([key]) => key.startsWith('irq-'))
    .map(([key, by]) => [code(key), by.map(code).join(', ')]);
  return [
    found === '' ? 'None, over all scenarios together. What changes would make of it:' : found,
    table(['finding', 'broken by'], rows),
  ].join('\n\n');
}

function waitsTable({ waits }: Coverage): string {
  const rows = [...waits].map(([value, locks]) => [code(value), locks.map(code).join(', ')]);
  return `A deadlock may close through any of these. Lockdep sees none.\n\n${table(['value', 'awaited under'], rows)}`;
}

function cycles({ cycles: found, edges }: Coverage): string {
  const first =
    'Orders that no kernel has together: each edge is of the scenario beside it, and of its version.';
  const lines = found.map(
    (cycle) =>
      `- ${cycle.edges.map((e) => `${code(e.from)} then ${code(e.to)} (${edges.get(`${e.from} -> ${e.to}`)?.[0]})`).join('; ')}`,
  );
  return found.length === 0 ? 'None.' : `${first}\n\n${lines.join('\n')}`;
}
