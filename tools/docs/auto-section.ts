/** The part of docs/coverage.md on sites that nobody named, from a recorded run of `mutate --auto`. */
import { readFileSync } from 'node:fs';
import type { AutoRecord } from '../../packages/cli/src/verbs/mutate-auto.ts';
import { code, inRoot, table } from './page.ts';

/** Written by `faultline mutate --auto --record`. */
export const AUTO_RUN = 'packages/scenarios/auto.json';

export function autoSection(): string {
  const { date, areas, counts, rows } = JSON.parse(readFileSync(inRoot(AUTO_RUN), 'utf8')) as AutoRecord;
  const byRule = rows.filter(({ verdict, says }) => verdict === 'noticed' && says.includes(": '")).length;
  const tried = rows.length - counts['not reached'] - counts['not tried'];
  const list = rows.filter(({ verdict }) => verdict === 'survives' || verdict === 'undecided');
  const findings = list.filter(({ verdict, says }) => verdict === 'survives' && says === '').length;
  return [
    '## Sites that nobody named',
    [
      'The changes above were chosen by hand. `npx faultline mutate --auto` weakens or drops every atomic, fence and lock of',
      'packages/kvm that has no name, one at a time, and runs the scenarios of the default budget that come to it.',
      `Run of ${date}: ${rows.length} sites, ${tried} tried; ${counts.noticed} noticed (${byRule} by a rule, the rest by a detector: a wrong guard, a race, a lock that is not held), ${counts.elsewhere} elsewhere (an order`,
      `that x86 keeps by itself), ${counts.survives} survive, of which ${findings} for no reason that is known yet: the catalogue`,
      `does not show that these are needed. ${counts.undecided} undecided, ${counts['not reached']} come to by no scenario of the`,
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
    table(
      ['site', 'verdict', 'why'],
      list.map(({ site, verdict, says, scenarios }) => [
        code(site),
        verdict,
        says || `finding: none of the ${scenarios} scenarios that come here notices`,
      ]),
    ),
  ].join('\n\n');
}
