/** Results whose counterexamples are pages: what goes to the terminal, and what goes into the page. */
import type { CheckResult, FoundFinding, ReplayResult } from '../run/job.ts';
import type { PageWriter } from './html-files.ts';
import type { Page } from './html-page.ts';
import { raceLine } from './races.ts';
import { changes, checkText, extent, headline, isShown, replayCommand, switches } from './text.ts';

/** Verdict and headlines as text, with the path of the page of each counterexample. */
export function checkPages(result: CheckResult, again: readonly string[], pages: PageWriter): string {
  const lines = [checkText({ ...result, findings: [] }, { again, trace: false }).trimEnd()];
  for (const finding of result.findings) {
    lines.push('', `  ${headline(result, finding)}`);
    const page = pageOf(result, finding, again);
    if (page !== null) lines.push(`  page: ${pages.write(page)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Null where there is no execution to show. */
function pageOf(result: CheckResult, finding: FoundFinding, again: readonly string[]): Page | null {
  const { recording } = finding;
  if (recording === undefined || !isShown(finding)) return null;
  return {
    scenario: result.scenario,
    title: result.title,
    verdict: result.verdict,
    changes: changes(result),
    headline: headline(result, finding),
    says: finding.says,
    facts: [
      ['checked', extent(result)],
      ...result.races.map((race): [string, string] => ['race', raceLine(result, race)]),
      ['claim from', result.source],
      ['simplest', switches(finding)],
    ],
    token: finding.token,
    command: replayCommand(result, finding, again),
    diagram: finding.diagram,
    recording,
  };
}

/** What a replay knows besides its result. */
export interface Replayed {
  readonly title: string;
  readonly source: string;
  readonly changes: string;
  /** What was given: a token, or the path of a file. */
  readonly given: string;
  readonly again: readonly string[];
}

export function replayPage(result: ReplayResult, replayed: Replayed, pages: PageWriter): string {
  const { scenario, says, diagram, recording, violated, arenaHash } = result;
  const { title, source, given, again } = replayed;
  if (recording === undefined) throw new Error('internal error: a replay for a page was not recorded');
  const verdict = violated ? 'violated' : 'holds';
  const [headline = '', ...more] = says.split('\n');
  const file = pages.write({
    scenario,
    title,
    verdict,
    changes: replayed.changes,
    headline,
    says: more.join('\n'),
    facts: [
      ['claim from', source],
      ['memory at the end', arenaHash],
    ],
    token: given.startsWith('f1.') ? given : '',
    command: ['npx faultline replay', given, ...again].join(' '),
    diagram,
    recording,
  });
  return `${verdict}  ${scenario}${replayed.changes}\n  page: ${file}\n`;
}
