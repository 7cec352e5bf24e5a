/** `faultline locks` without a document: the locks of KVM, their rules, and what the scenarios exercise of both. */
import {
  kvmRules,
  type LockChains,
  type LockGraph,
  type RuleBook,
  type Style,
  usageWords,
} from '@faultline/lockdep';
import { catalogueModule, loadCatalogue } from '../catalogue.ts';
import { compareGraphs } from '../locks/against.ts';
import { type Breaker, breakersOf } from '../locks/broken-by.ts';
import { type Coverage, coverageOf, type Observed } from '../locks/coverage.ts';
import { guardedFields } from '../locks/protects.ts';
import { catalogueText, comparisonText, graphDot, type Shown } from '../locks/text.ts';
import type { CheckResult } from '../run/job.ts';
import { Pool } from '../run/pool.ts';
import { progressLine } from '../run/progress.ts';
import { select } from '../scenarios.ts';

export interface CatalogueOptions {
  readonly dot?: boolean;
  readonly json?: boolean;
  /** A recorded graph to lay beside ours. */
  readonly against?: { readonly graph: LockGraph; readonly chains: LockChains | null };
}

/** Explores the scenarios that `names` say, all for none, and prints. Returns the exit status. */
export async function showCatalogue(
  names: readonly string[],
  options: CatalogueOptions,
  style: Style,
): Promise<number> {
  const { scenarios, mutants } = await loadCatalogue();
  const results = await exploreAll(select(scenarios, names).map(({ name }) => name));
  const book = kvmRules();
  const coverage = coverageOf(results.map(observed), book);
  const broken = results.filter(({ findings }) => findings.some(({ kind }) => kind === 'lock rule'));
  const shown = { coverage, book, breakers: breakersOf(mutants), scenarios: results.length };
  process.stdout.write(`${render(shown, options, style)}\n`);
  return broken.length > 0 || coverage.interrupts.length > 0 ? 1 : 0;
}

interface Result {
  readonly coverage: Coverage;
  readonly book: RuleBook;
  readonly breakers: readonly Breaker[];
  readonly scenarios: number;
}

function render(
  { coverage, book, breakers, scenarios }: Result,
  { against, json, dot }: CatalogueOptions,
  style: Style,
): string {
  if (against !== undefined) {
    const compared = compareGraphs(coverage.graph, against.graph, against.chains);
    return json === true ? JSON.stringify(compared, null, 2) : comparisonText(compared, style).join('\n');
  }
  if (dot === true) return graphDot(coverage.graph, book);
  const shown = { coverage, guards: guardedFields(), breakers, scenarios };
  if (json !== true) return catalogueText(shown, style).join('\n');
  return JSON.stringify(asData(shown), null, 2);
}

/** For `--json`, and for docs/locking.md. */
function asData({ coverage, guards, breakers, scenarios }: Shown) {
  return {
    scenarios,
    locks: coverage.locks.map(({ lock, scenarios: by }) => ({
      ...lock,
      fields: guards.get(lock.name) ?? [],
      use: usageWords(coverage.usages.get(lock.name)),
      scenarios: by,
    })),
    rules: coverage.rules.map(({ rule, key, scenarios: by }) => ({
      ...rule,
      key,
      scenarios: by,
      brokenBy: breakers.filter((b) => b.rule === key),
    })),
    edges: [...coverage.edges].map(([edge, by]) => ({ edge, scenarios: by })),
    waits: Object.fromEntries(coverage.waits),
    interrupts: coverage.interrupts.map(({ key, text }) => ({ key, text })),
    cycles: coverage.cycles.map(({ edges }) => edges.map(({ from, op, to }) => ({ from, op, to }))),
  };
}

function observed({ scenario, locks = [] }: CheckResult): Observed {
  return { scenario, rows: locks };
}

async function exploreAll(names: readonly string[]): Promise<CheckResult[]> {
  const line = progressLine();
  const pool = new Pool(2, (progress) => line.show(progress));
  try {
    return await Promise.all(
      names.map((scenario) =>
        pool.run({
          kind: 'check',
          module: catalogueModule(),
          scenario,
          without: [],
          variant: '',
          mode: 'optimal',
          model: 'sc',
          bounds: {},
          explain: false,
          locks: true,
        }),
      ),
    );
  } finally {
    line.clear();
    await pool.close();
  }
}
