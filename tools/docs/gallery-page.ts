/** docs/gallery.md: one race a picture: every variant that breaks, and every sentence that is wrong as written. */
import type { AnyScenario } from '@faultline/machine';
import type { Mutant } from '@faultline/scenarios';
import { type Page, page } from './page.ts';

/** A picture that the page needs. */
export interface Wanted {
  /** The mutant that applies the variant; '' for the unchanged system. */
  readonly mutant: string;
  readonly scenario: string;
  /** '' for the unchanged system. */
  readonly variant: string;
  readonly off: readonly string[];
  /** The rule whose fall is shown. */
  readonly always: string;
  readonly says: string;
}

/** What was found for one of them. */
export interface Picture extends Wanted {
  readonly diagram: string;
  /** 'falls in 4 of 26' */
  readonly falls: string;
}

/** One picture for each variant that is caught, and for each scenario that is violated on purpose. */
export function wanted(scenarios: readonly AnyScenario[], mutants: readonly Mutant[]): Wanted[] {
  const wrong = scenarios
    .filter((s) => s.expect === 'violated' && s.deep !== true)
    .map((s) => ({
      mutant: '',
      scenario: s.name,
      variant: '',
      off: [],
      always: '',
      says: `${sentence(s.title)} A document is wrong here.`,
    }));
  const seen = new Set<string>();
  const variants = mutants.flatMap(({ name, variant, off = [], says, expect }) => {
    if (variant === undefined || !('caught' in expect) || !('always' in expect) || seen.has(variant))
      return [];
    seen.add(variant);
    return [{ mutant: name, scenario: expect.caught, variant, off, always: expect.always, says }];
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

function section({ scenario, variant, off, always, says, diagram, falls }: Picture): string {
  const command = [
    'npx faultline check',
    scenario,
    ...(variant === '' ? [] : ['--with', variant]),
    ...off.flatMap((step) => ['--without', step]),
  ].join(' ');
  const title = variant === '' ? scenario : `${scenario}, ${variant}`;
  const rule = always === '' ? '' : `*${always}* ${falls}.`;
  return [
    `## ${title}`,
    '',
    `${says} ${rule}`.trim(),
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
