import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { expect, test, vi } from 'vitest';
import { registerExplain } from './explain.ts';
import { registerLocks } from './locks.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** The `console` blocks of a chapter: a command, then what it prints. */
function blocksOf(markdown: string): { command: string; expected: string }[] {
  return [...markdown.matchAll(/```console\n\$ npx faultline ([^\n]+)\n([\s\S]*?)```/g)].map((m) => ({
    command: m[1] ?? '',
    expected: m[2] ?? '',
  }));
}

async function printed(command: string): Promise<string> {
  let out = '';
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const code = process.exitCode;
  const cwd = process.cwd();
  try {
    process.chdir(ROOT);
    const program = new Command('faultline').exitOverride();
    registerExplain(program);
    registerLocks(program);
    await program.parseAsync(command.split(' '), { from: 'user' });
    return out;
  } finally {
    process.chdir(cwd);
    process.exitCode = code;
    stdout.mockRestore();
    stderr.mockRestore();
  }
}

const blocks = blocksOf(readFileSync(join(ROOT, 'docs/explain.md'), 'utf8'));

test('the chapter has examples', () => expect(blocks.length).toBeGreaterThanOrEqual(5));

test.each(blocks)('docs/explain.md: $command', async ({ command, expected }) => {
  expect(await printed(command)).toBe(expected);
});
