/** What a replay token says about itself, before anything is loaded. */
import { UsageError } from './exit.ts';

export interface TokenHead {
  readonly scenario: string;
  readonly without: readonly string[];
  readonly variants: readonly string[];
}

/** Reads `f1.<scenario>.<payload>`. Throws a UsageError that says what was expected. */
export function readToken(text: string): TokenHead {
  const scenario = /^f1\.([^.]+)\.\S+$/.exec(text)?.[1];
  if (scenario === undefined) {
    throw new UsageError(
      `not a token: '${text.slice(0, 60)}'; expected f1.<scenario>.<payload> as 'check' prints it, whole`,
    );
  }
  return { scenario, without: [], variants: [] };
}
