/** docs/gallery.md: one race a picture: every variant that breaks, and every sentence that is wrong as written. */
import type { AnyScenario } from '@faultline/machine';
import type { Mutant } from '@faultline/scenarios';
import { type Page, page } from './page.ts';

/** A picture that the page needs. */
export interface Wanted {
  readonly scenario: string;
  /** '' for the unchanged system. */
  readonly variant: string;
  /** The rule whose fall is shown. */
  readonly always: string;
  readonly says: string;
}

/** What was found for one of them. */
export interface Picture extends Wanted {
  readonly diagram: string;
  readonly executions: string;
}

/** One picture for each variant that is caught, and for each scenario that is violated on purpose. */
export function wanted(scenarios: readonly AnyScenario[], mutants: readonly Mutant[]): Wanted[] {
  const wrong = scenarios
    .filter((s) => s.expect === 'violated' && s.deep !== true)
    .map((s) => ({
      scenario: s.name,
      variant: '',
      always: '',
      says: `${sentence(s.title)} A document is wrong here.`,
    }));
  const seen = new Set<string>();
  const variants = mutants.flatMap(({ variant, says, expect }) => {
    if (variant === undefined || !('caught' in expect) || seen.has(variant)) return [];
    seen.add(variant);
    return [{ scenario: expect.caught, variant, always: expect.always, says }];
  });
  return [...wrong, ...variants];
}

export function galleryPage(pictures: readonly Picture[]): Page {
  const intro = [
    'One execution a picture, the simplest that shows the race, in the form of kernel commit messages: time goes down,',
    'each column is a CPU. The command below each picture finds it again. docs/guide.md says how to read them.',
  ].join('\n');
  return page('docs/gallery.md', 'Gallery of races', [intro, ...pictures.map(section)].join('\n\n'));
}

function section({ scenario, variant, always, says, diagram, executions }: Picture): string {
  const command = ['npx faultline check', scenario, ...(variant === '' ? [] : ['--with', variant])].join(' ');
  const title = variant === '' ? scenario : `${scenario}, ${variant}`;
  const falls = always === '' ? '' : `*${always}* falls in ${executions}.`;
  return [
    `## ${title}`,
    '',
    `${says} ${falls}`.trim(),
    '',
    '```text',
    diagram.trimEnd(),
    '```',
    '',
    `\`${command}\``,
  ].join('\n');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
