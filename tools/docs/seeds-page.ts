/** docs/seeds.md: every sentence of the seeds that claims something, and what became of it. */
import type { AnyScenario, Claim } from '@faultline/machine';
import { code, type Page, page, table } from './page.ts';
import type { Seed, Sentence } from './seeds/sentence.ts';

interface Settled {
  readonly claim: Claim;
  readonly scenario: AnyScenario;
}

export function seedsPage(seeds: readonly Seed[], scenarios: readonly AnyScenario[]): Page {
  const settled = claimsById(scenarios);
  const all = seeds.flatMap((seed) => seed.sentences);
  const done = all.filter((sentence) => settled.has(sentence.id)).length;
  const intro = [
    'The project starts from five documents about KVM. Each sentence in them that claims something has a line here, in our words,',
    'with what the explorer found: it *holds*, holds *in part*, or is *wrong* as written. A sentence without a scenario',
    'says which part of the project it waits for, or why no scenario will settle it.',
    '',
    `${done} of ${all.length} sentences are settled.`,
  ].join('\n');
  return page(
    'docs/seeds.md',
    'The seeds, sentence by sentence',
    [intro, ...seeds.map((seed) => section(seed, settled))].join('\n\n'),
  );
}

/** Sentences that scenarios claim to settle but that do not exist. */
export function unknownClaims(seeds: readonly Seed[], scenarios: readonly AnyScenario[]): string[] {
  const known = new Set(seeds.flatMap((seed) => seed.sentences.map((sentence) => sentence.id)));
  return scenarios.flatMap((scenario) =>
    scenario.claims
      .filter((claim) => !known.has(claim.seed))
      .map((claim) => `${scenario.name}: ${claim.seed}`),
  );
}

/** Sentences with neither a scenario nor a reason. */
export function unsettled(seeds: readonly Seed[], scenarios: readonly AnyScenario[]): string[] {
  const settled = claimsById(scenarios);
  return seeds
    .flatMap((seed) => seed.sentences)
    .filter(({ id, waits, none }) => !settled.has(id) && waits === undefined && none === undefined)
    .map(({ id, says }) => `${id}: ${says}`);
}

function claimsById(scenarios: readonly AnyScenario[]): Map<string, Settled[]> {
  const found = new Map<string, Settled[]>();
  for (const scenario of scenarios) {
    for (const claim of scenario.claims) {
      const list = found.get(claim.seed) ?? [];
      list.push({ claim, scenario });
      found.set(claim.seed, list);
    }
  }
  return found;
}

function section(seed: Seed, settled: ReadonlyMap<string, readonly Settled[]>): string {
  const rows = seed.sentences.map((sentence) => row(sentence, settled.get(sentence.id) ?? []));
  const head = ['', 'where', 'claim', 'verdict', 'scenario', 'steps'];
  return `## ${seed.number}: ${seed.title}\n\n${table(head, rows)}`;
}

function row({ id, where, says, waits, none }: Sentence, settled: readonly Settled[]): string[] {
  if (settled.length === 0) {
    return [id, where, says, waits === undefined ? `none: ${none ?? '?'}` : `waits for ${waits}`, '', ''];
  }
  const verdicts = settled.map(({ claim }) =>
    claim.but === undefined ? `**${claim.verdict}**` : `**${claim.verdict}**: ${claim.but}`,
  );
  const scenarios = settled.map(({ scenario }) => code(scenario.name));
  const steps = settled.flatMap(({ scenario }) => scenario.defends).map(code);
  const list = (items: readonly string[]) => [...new Set(items)].join(', ');
  return [id, where, says, [...new Set(verdicts)].join('; '), list(scenarios), list(steps)];
}
