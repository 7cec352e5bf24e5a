/** The part of docs/coverage.md on sites that nobody named, from a recorded run of `mutate --auto`. */
import { readFileSync } from 'node:fs';
import type { AutoRow } from '../../packages/cli/src/mutate/auto.ts';
import { GAP } from '../../packages/cli/src/mutate/auto-reasons.ts';
import type { AutoRecord } from '../../packages/cli/src/verbs/mutate-auto.ts';
import { code, inRoot, table } from './page.ts';

/** Written by `faultline mutate --auto --record`. */
export const AUTO_RUN = 'packages/scenarios/auto.json';

export function autoSection(): string {
  const { date, areas, counts, rows } = JSON.parse(readFileSync(inRoot(AUTO_RUN), 'utf8')) as AutoRecord;
  const byRule = rows.filter(({ verdict, says }) => verdict === 'noticed' && says.includes(": '")).length;
  const tried = rows.length - counts['not reached'] - counts['not tried'];
  const left = rows.filter(({ verdict }) => verdict === 'survives');
  const gaps = left.filter(({ says }) => says.startsWith(GAP) || says === '').length;
  const rest = rows.filter(({ verdict }) => verdict === 'not reached' || verdict === 'undecided');
  return [
    '## Sites that nobody named',
    [
      'The changes above were chosen by hand. `npx faultline mutate --auto` weakens or drops every atomic, fence and lock of',
      'packages/kvm that has no name, one at a time, and runs the scenarios of the default budget that come to it, and the',
      'beginning of the deep ones.',
      `Run of ${date}: ${rows.length} sites, ${tried} tried; ${counts.noticed} noticed (${byRule} by a rule, the rest by a detector: a wrong guard, a race, a lock that is not held), ${counts.elsewhere} elsewhere (an order`,
      `that x86 keeps by itself), ${counts.survives} survive. Of these ${left.length - gaps} are not missed for a reason: another lock is held each time, the`,
      `operation is repeated or checked later, or it counts for the model alone. The other ${gaps} are findings: KVM needs them, or the`,
      `host or the hardware does, and no scenario shows it. ${counts.undecided} undecided, ${counts['not reached']} come to by no scenario of the`,
      `default budget, ${counts['not tried']} not tried for want of time.`,
    ].join('\n'),
    table(
      ['area', 'noticed', 'elsewhere', 'survive', 'undecided', 'not reached', 'not tried'],
      areas.map((area) => {
        const of = (verdict: string) =>
          String(rows.filter((row) => row.area === area && row.verdict === verdict).length);
        return [
          area,
          ...['noticed', 'elsewhere', 'survives', 'undecided', 'not reached', 'not tried'].map(of),
        ];
      }),
    ),
    [
      'Each with its sentence. In brackets what the run itself saw of the place that is changed: the locks that were held each',
      'time, and whether other threads change it, kept apart by a lock or not. Sentences that rest on that are compared with it by a test.',
    ].join('\n'),
    table(
      ['site', 'why'],
      left.map((row) => [code(row.site), `${sentence(row)}${seen(row)}`]),
    ),
    'Not reached, or not decided:',
    table(
      ['site', 'verdict', 'why'],
      rest.map((row) => [code(row.site), row.verdict, sentence(row)]),
    ),
  ].join('\n\n');
}

function sentence({ says, scenarios }: AutoRow): string {
  return says || `${GAP}none of the ${scenarios} scenarios that come here notices`;
}

function seen({ uses }: AutoRow): string {
  if (uses === undefined) return '';
  const { held, others, rivals } = uses;
  const who = others.length === 0 ? 'nobody else' : rivals.length === 0 ? 'others, kept apart' : 'others';
  return ` (${[who, ...held].join('; ')})`;
}
