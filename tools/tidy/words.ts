/** What may not be written: words of a workplace, paths of one machine, checks switched off without a reason. */
import type { File, Problem } from './source.ts';

interface Rule {
  readonly pattern: RegExp;
  readonly says: string;
}

/** Pieces are joined here so that this file does not break its own rules. */
const any = (...words: string[]) => new RegExp(`\\b(?:${words.join('|')})\\b`, 'i');

const FORBIDDEN: readonly Rule[] = [
  {
    pattern: any(
      '(?:this|that|earlier|previous|another|next|my) ses' + 'sions?',
      'sub-?ag' + 'ents?',
      '(?<!User-)ag' + 'ents?',
      'L' + 'LM',
      'chat' + 'bot',
    ),
    says: 'a word of the workplace: the project speaks of itself only',
  },
  { pattern: new RegExp('MU' + 'T-[A-Z]{2}-'), says: 'a private label: say the change in a sentence' },
  {
    pattern: new RegExp(
      `(?<![\\w.)}\\]])/(?:${['wo' + 'rk', 'ro' + 'ot', 'ho' + 'me', 'tm' + 'p'].join('|')})/`,
    ),
    says: 'a path of one machine: use a path relative to the project, or os.tmpdir()',
  },
  {
    pattern: new RegExp('\\.\\./sha' + 'red/(?!samples)'),
    says: 'only ../shared/samples may be read, by tests',
  },
  { pattern: new RegExp('regis' + 'try\\.npmjs|regis' + 'try\\.yarnpkg'), says: 'a registry host' },
];

const SWITCHED_OFF: readonly Rule[] = [
  { pattern: new RegExp('@ts-' + '(?:ignore|nocheck)'), says: 'use @ts-expect' + '-error with a reason' },
  { pattern: new RegExp('@ts-expect' + '-error\\s*(?:\\*/)?\\s*$'), says: 'a suppression without a reason' },
  {
    pattern: new RegExp('biome-' + 'ignore(?:-\\w+)? [^:]*(?::\\s*(?:\\*/)?\\s*)?$'),
    says: 'a suppression without a reason',
  },
  { pattern: new RegExp('eslint-' + 'disable'), says: 'no ESLint here' },
  {
    pattern: new RegExp('\\b(?:test|it|describe)\\.(?:sk' + 'ip|on' + 'ly|to' + 'do|fa' + 'ils)\\b'),
    says: 'a test switched off: fix it or remove it',
  },
];

/** Words, paths and labels that no text of the project holds. */
export function forbidden(file: File): Problem[] {
  return apply(file, FORBIDDEN);
}

/** Checks switched off without a reason beside it. */
export function switchedOff(file: File): Problem[] {
  return apply(file, SWITCHED_OFF);
}

function apply(file: File, rules: readonly Rule[]): Problem[] {
  const problems: Problem[] = [];
  file.text.split('\n').forEach((text, i) => {
    for (const { pattern, says } of rules) {
      const found = pattern.exec(text)?.[0];
      if (found !== undefined) problems.push({ path: file.path, line: i + 1, says: `'${found}': ${says}` });
    }
  });
  return problems;
}
