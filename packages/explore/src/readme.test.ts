/** The examples of the README run, and print what it says. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');

/** The fenced blocks of a language, in order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((m) => m[1]);
}

test('each example prints the text that follows it', async () => {
  const programs = blocks('ts');
  const outputs = blocks('text');
  expect(programs.length).toBe(2);
  expect(outputs.length).toBe(2);
  const cache = path.join(root, '../../node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(path.join(cache, 'readme-'));
  const printed: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...words: unknown[]) => {
    printed.push(words.map(String).join(' '));
  });
  try {
    writeFileSync(path.join(folder, 'lost-update.ts'), programs[0]);
    writeFileSync(path.join(folder, 'again.ts'), programs[1]);
    await import(path.join(folder, 'lost-update.ts'));
    expect(`${printed.splice(0).join('\n')}\n`).toBe(outputs[0]);
    await import(path.join(folder, 'again.ts'));
    expect(`${printed.join('\n')}\n`).toBe(outputs[1]);
  } finally {
    log.mockRestore();
    rmSync(folder, { recursive: true });
  }
});
