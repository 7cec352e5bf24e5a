/** Goal: what Markdown pages point at is there, and code that they show is code that runs. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { projectFiles, ROOT } from '../tidy/source.ts';

const PAGES = projectFiles('.md').filter(({ path: file }) => !file.includes('fixtures/'));

/** Links to files that do not exist, as 'page: target'. */
function broken(page: { path: string; text: string }): string[] {
  const prose = page.text.replace(/```[\s\S]*?```|`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)#\s]+)/g)]
    .map(([, target]) => target as string)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => !existsSync(path.join(ROOT, path.dirname(page.path), target)))
    .map((target) => `${page.path}: ${target}`);
}

test('every relative link of a page leads to a file', () => {
  expect(PAGES.flatMap(broken)).toEqual([]);
  expect(
    broken({ path: 'docs/x.md', text: '[a](guide.md) [b](nowhere.md) [c](https://kernel.org)' }),
  ).toEqual(['docs/x.md: nowhere.md']);
});

test('the scenario in README is the one that its commands run', () => {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const shown = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] as string;
  const file = readFileSync(path.join(ROOT, 'docs/examples/dirty-bit-lost.ts'), 'utf8');
  expect(file).toContain(shown);
});

test('README has the two commands that it promises', () => {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  expect(readme).toContain('npm ci && npm start');
  expect(readme).toContain('npm ci && npm test');
});
