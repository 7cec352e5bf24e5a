/**
 * Variants: a file that replaces whole exported functions of other modules. Its functions are ordinary, type-checked
 * code; the doc comment of each says what it replaces and the hash of the text that its author had read:
 *
 *     @replaces packages/kvm/src/virt/memslots.ts#installNewMemslots 1f2e3d4c
 *
 * A variant whose hash no longer fits is stale and fails the build.
 */
import { createHash } from 'node:crypto';
import { parseSync } from 'oxc-parser';
import { TransformError } from './error.ts';
import { type Node, walk } from './walk.ts';

export interface Replacement {
  /** Path in the project of the module it replaces a function of. */
  readonly file: string;
  readonly name: string;
  readonly hash: string;
  /** The variant file, and the line of the tag. */
  readonly by: string;
  readonly line: number;
}

/** Reads the `@replaces` tags of a variant file. Throws if it has none. */
export function replacementsOf(code: string, by: string): Replacement[] {
  const found: Replacement[] = [];
  for (const match of code.matchAll(/@replaces (\S+?)#(\w+) ([0-9a-f]+|\?)/g)) {
    const [, file, name, hash] = match as unknown as [string, string, string, string];
    found.push({ file, name, hash, by, line: code.slice(0, match.index).split('\n').length });
  }
  if (found.length === 0) {
    throw new TransformError(by, 1, "not a variant: no doc comment says '@replaces FILE#FUNCTION HASH'");
  }
  return found;
}

/** Throws if the function that `replacement` was written against has changed since. */
export function checkFresh(replacement: Replacement, code: string): void {
  const { file, name, hash, by, line } = replacement;
  const now = functionHash(code, file, name);
  if (now === null) throw new TransformError(by, line, `${file} has no exported function '${name}'`);
  if (now !== hash) {
    throw new TransformError(
      by,
      line,
      `stale variant: it replaces ${name}() of ${file} as of ${hash}, which is now ${now}; read the function again, carry the change over, and write the new hash`,
    );
  }
}

/** Eight hex digits over the text of an exported function, white space aside; null if there is none. */
export function functionHash(code: string, file: string, name: string): string | null {
  const parsed = parseSync(file, code, { lang: 'ts', sourceType: 'module' });
  let text: string | null = null;
  walk(parsed.program as unknown as Node, (node) => {
    if (node.type !== 'FunctionDeclaration') return;
    if ((node.id as { name?: string } | null)?.name === name) text = code.slice(node.start, node.end);
  });
  if (text === null) return null;
  return createHash('sha256')
    .update((text as string).replace(/\s+/g, ' '))
    .digest('hex')
    .slice(0, 8);
}
