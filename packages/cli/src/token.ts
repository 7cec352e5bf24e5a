/** Replay tokens and files as a user gives them. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decodeToken, type TokenContents } from '@faultline/explore';
import { UsageError } from './exit.ts';

/** Where executions that are too long for a token are written, below the working directory. */
const FOLDER = '.faultline';

/** The scenario that a token or a replay file is of, before anything else of it can be read. */
export function scenarioOf(text: string): string {
  if (text.startsWith('{')) return contentsOf(text).scenario;
  const scenario = /^f1\.([^.]+)\.\S+$/.exec(text)?.[1];
  if (scenario === undefined) throw new UsageError(`not a token: '${text.slice(0, 60)}'; ${EXPECTED}`);
  return scenario;
}

/** All that it says. The steps that it leaves out have to be loaded. */
export function contentsOf(text: string): TokenContents {
  try {
    return text.startsWith('{') ? fromJson(text) : decodeToken(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`not a token: ${error.message}; ${EXPECTED}`, { cause: error });
  }
}

/** A token, or what the file of that name holds. */
export function tokenText(given: string, isFile: boolean): string {
  if (!isFile) return given.trim();
  try {
    return readFileSync(given, 'utf8').trim();
  } catch {
    throw new UsageError(`${given}: no such file; ${EXPECTED}`);
  }
}

/** Writes an execution that no token can hold; returns the path of the file. */
export function writeReplayFile(scenario: string, contents: string): string {
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 8);
  const file = path.join(FOLDER, `${scenario.replaceAll('/', '-')}-${hash}.json`);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, `${contents}\n`);
  return file;
}

const EXPECTED = "expected f1.<scenario>.<payload> as 'check' prints it, whole, or a file that it wrote";

function fromJson(text: string): TokenContents {
  const contents = JSON.parse(text) as Partial<TokenContents>;
  const { scenario, stepsOff, variant, schedule, program } = contents;
  const lists = [stepsOff, schedule?.threads, schedule?.choices];
  if (
    ![scenario, variant, program].every((field) => typeof field === 'string') ||
    !lists.every(Array.isArray)
  ) {
    throw new SyntaxError('the file holds JSON, but no execution');
  }
  return contents as TokenContents;
}
