/**
 * Replay tokens: `f1.<scenario>.<payload>`, all that is needed to repeat an execution, in one word that can be pasted.
 *
 * Payload, in bits: signature width 3, model 2, steps off (count, a 24-bit hash of each name), variant name, hash of the
 * program 16, beginning of the arena's hash at the end 16, number of threads, runs (thread, length), outcomes of choices,
 * one signature a step.
 */
import { type AnyScenario, allSteps } from '@faultline/machine';
import { BitReader, BitWriter } from './bits.ts';
import { MODELS, type ModelName } from './memory-model.ts';
import type { Expected } from './replay.ts';
import type { Schedule } from './schedule.ts';
import { signatureOf, textHash } from './signature.ts';
import type { Trace } from './trace.ts';

/** Default scenarios fit; longer schedules go to a file. */
export const MAX_TOKEN = 120;
const VERSION = 'f1';

export interface TokenContents {
  readonly scenario: string;
  readonly stepsOff: readonly string[];
  /** Name of the variant the program was built with, '' for none. */
  readonly variant: string;
  readonly model: ModelName;
  /** Hash of names and threads of the scenario: 4 hex digits. */
  readonly program: string;
  readonly schedule: Schedule;
  readonly expect: Expected;
}

/** What identifies a scenario beside its name. */
export function programHash(scenario: AnyScenario): string {
  const text = [scenario.name, ...Object.keys(scenario.threads), '|', ...Object.keys(scenario.always)].join(
    ' ',
  );
  return (textHash(text) >>> 16).toString(16).padStart(4, '0');
}

/** All that a token says, from a recorded execution. */
export function tokenContents(
  scenario: AnyScenario,
  trace: Trace,
  how: { stepsOff?: readonly string[]; variant?: string; model?: ModelName; bits?: number } = {},
): TokenContents {
  const bits = how.bits ?? 4;
  return {
    scenario: scenario.name,
    stepsOff: how.stepsOff ?? [],
    variant: how.variant ?? '',
    model: how.model ?? trace.model,
    program: programHash(scenario),
    schedule: trace.schedule,
    expect: {
      signatures: trace.events.map((e) => signatureOf(e, bits)),
      bits,
      arenaHash: trace.arenaHash.slice(0, 4),
    },
  };
}

/**
 * The token of a recorded execution. Signatures get narrower, 4 bits to 1, until it fits in 120 characters; null if it does
 * not fit even so: then `tokenContents` goes to a file as JSON.
 */
export function encodeToken(
  scenario: AnyScenario,
  trace: Trace,
  how: { stepsOff?: readonly string[]; variant?: string; model?: ModelName } = {},
): string | null {
  for (let bits = 4; bits >= 1; bits--) {
    const token = encodeContents(tokenContents(scenario, trace, { ...how, bits }));
    if (token.length <= MAX_TOKEN) return token;
  }
  return null;
}

/** The token that says this, whatever its length. */
export function encodeContents(contents: TokenContents): string {
  const { schedule, expect } = contents;
  const bits = expect.bits ?? 0;
  const out = new BitWriter();
  out.fixed(bits, 3);
  out.fixed(MODELS.indexOf(contents.model), 2);
  out.gamma(contents.stepsOff.length);
  for (const step of contents.stepsOff) out.fixed(stepHash(step), 24);
  out.text(contents.variant);
  out.fixed(Number.parseInt(contents.program, 16), 16);
  out.fixed(Number.parseInt(expect.arenaHash ?? '0', 16), 16);
  writeRuns(out, schedule.threads);
  writeChoices(out, schedule.choices);
  for (const signature of expect.signatures ?? []) out.fixed(signature, bits);
  return `${VERSION}.${contents.scenario}.${out.base64url()}`;
}

/** Reads a token. Throws SyntaxError saying what is wrong with it. The steps that it names must be loaded. */
export function decodeToken(token: string): TokenContents {
  const [version, scenario, payload, ...rest] = token.trim().split('.');
  if (version !== VERSION || payload === undefined || rest.length > 0) {
    throw new SyntaxError(`'${token}' is no replay token: expected '${VERSION}.<scenario>.<payload>'`);
  }
  try {
    return { scenario, ...decodePayload(new BitReader(payload)) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SyntaxError(`replay token of '${scenario}': ${error.message}; was it copied whole?`);
  }
}

function decodePayload(bits: BitReader): Omit<TokenContents, 'scenario'> {
  const width = bits.fixed(3);
  const model = MODELS[bits.fixed(2)];
  if (model === undefined) throw new SyntaxError('it names a memory model that this version does not have');
  const stepsOff = Array.from({ length: bits.gamma() }, () => stepOf(bits.fixed(24)));
  const variant = bits.text();
  const program = bits.fixed(16).toString(16).padStart(4, '0');
  const arenaHash = bits.fixed(16).toString(16).padStart(4, '0');
  const threads = readRuns(bits);
  const choices = readChoices(bits, threads.length);
  const signatures = threads.map(() => bits.fixed(width));
  const expect = { signatures, bits: width, arenaHash };
  return { stepsOff, variant, model, program, schedule: { threads, choices }, expect };
}

/** Number of threads, then runs: which other thread, how many steps. */
function writeRuns(out: BitWriter, threads: readonly number[]): void {
  const count = Math.max(0, ...threads) + 1;
  const runs = runsOf(threads);
  out.gamma(count - 1);
  out.gamma(runs.length);
  const width = widthOf(count - 1);
  let before = -1;
  for (const { thread, length } of runs) {
    if (before < 0) out.fixed(thread, widthOf(count));
    else out.fixed(thread < before ? thread : thread - 1, width);
    out.gamma(length - 1);
    before = thread;
  }
}

function readRuns(bits: BitReader): number[] {
  const count = bits.gamma() + 1;
  const runs = bits.gamma();
  const threads: number[] = [];
  let before = -1;
  for (let r = 0; r < runs; r++) {
    const digit = bits.fixed(before < 0 ? widthOf(count) : widthOf(count - 1));
    before = before >= 0 && digit >= before ? digit + 1 : digit;
    const length = bits.gamma() + 1;
    if (threads.length + length > 100_000) throw new SyntaxError('it has no end');
    for (let k = 0; k < length; k++) threads.push(before);
  }
  return threads;
}

function runsOf(threads: readonly number[]): { thread: number; length: number }[] {
  const runs: { thread: number; length: number }[] = [];
  for (const thread of threads) {
    const last = runs.at(-1);
    if (last !== undefined && last.thread === thread) last.length++;
    else runs.push({ thread, length: 1 });
  }
  return runs;
}

/** Only outcomes other than 0, with the distance from the one before. */
function writeChoices(out: BitWriter, choices: readonly number[]): void {
  const chosen = choices.map((c, at) => ({ c, at })).filter(({ c }) => c !== 0);
  out.gamma(chosen.length);
  let before = 0;
  for (const { c, at } of chosen) {
    out.gamma(at - before);
    out.gamma(c - 1);
    before = at;
  }
}

function readChoices(bits: BitReader, length: number): number[] {
  const choices = new Array<number>(length).fill(0);
  const chosen = bits.gamma();
  if (chosen > length) throw new SyntaxError('it has more choices than steps');
  let at = 0;
  for (let k = 0; k < chosen; k++) {
    at += bits.gamma();
    if (at >= length) throw new SyntaxError('it chooses after its end');
    choices[at] = bits.gamma() + 1;
  }
  return choices;
}

/** Bits that tell `n` things apart. */
function widthOf(n: number): number {
  return n <= 1 ? 0 : 32 - Math.clz32(n - 1);
}

function stepHash(name: string): number {
  return textHash(name) >>> 8;
}

function stepOf(hash: number): string {
  const step = allSteps().find((s) => stepHash(s.name) === hash);
  if (step !== undefined) return step.name;
  throw new SyntaxError('it leaves out a step that no loaded module declares any more');
}
