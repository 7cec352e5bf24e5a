/** Many sequences and many guests, until enough calls were made; each difference that nobody explains comes shrunken. */
import type fc from 'fast-check';
import { answerText, type Call } from './calls.ts';
import type { KvmClient } from './client.ts';
import { compareSequence, type Difference } from './compare.ts';
import { compareGuest, type GuestRun } from './compare-guests.ts';
import type { Guest } from './guest.ts';
import { guests, HELLO_WORLD } from './guests.ts';
import { READ_LOGGED } from './known.ts';
import type { Machine } from './our-kvm.ts';
import { sequences } from './sequences.ts';

type FastCheck = typeof fc;

export interface Plan {
  readonly calls: number;
  readonly guests: number;
  readonly seed: number;
  /** Asks to stop: what was done so far is the result. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: Result) => void;
}

/** A difference that nobody explains, in the shortest sequence that was found. */
export interface Unexplained {
  readonly calls: readonly Call[];
  readonly difference: Difference;
  /** Sequences that ended in it. */
  times: number;
}

export interface UnexplainedGuest {
  readonly guest: Guest;
  readonly differs: readonly string[];
}

export interface Result {
  calls: number;
  sequences: number;
  /** By ioctl: calls, and how many gave which result, as the kernel answered. */
  readonly byName: Map<string, { calls: number; results: Map<string, number> }>;
  /** By name of the known difference: how often it was met. */
  readonly known: Map<string, number>;
  readonly unexplained: Unexplained[];
  guests: number;
  /** By what the exit is: IO in, IO out, MMIO read, MMIO write, HLT. */
  readonly exits: Map<string, number>;
  /** Guests that the interpreter did not follow, by reason. */
  readonly unfollowed: Map<string, number>;
  readonly unexplainedGuests: UnexplainedGuest[];
}

/** Different ones of each kind are looked for until there are so many. */
const ENOUGH = 4;
const BATCH = 25;

export function emptyResult(): Result {
  return {
    calls: 0,
    sequences: 0,
    byName: new Map(),
    known: new Map(),
    unexplained: [],
    guests: 0,
    exits: new Map(),
    unfollowed: new Map(),
    unexplainedGuests: [],
  };
}

/** Both clients make one VM at a time. Returns after whole batches, so that a signal and the progress line get their turn. */
export async function compareKvms(
  fastCheck: FastCheck,
  ours: KvmClient,
  theirs: KvmClient,
  machine: Machine,
  plan: Plan,
): Promise<Result> {
  const result = emptyResult();
  const goesOn = () => plan.signal?.aborted !== true;
  const arbitrary = sequences(fastCheck, machine);
  for (let batch = 0; result.calls < plan.calls && goesOn(); batch++) {
    compareBatch(fastCheck, ours, theirs, arbitrary, plan.seed + batch, result);
    if (result.unexplained.length >= ENOUGH) break;
    await progress(plan, result);
  }
  if (plan.guests > 0 && goesOn()) noteGuest(compareGuest(ours, theirs, HELLO_WORLD), HELLO_WORLD, result);
  const programs = guests(fastCheck);
  for (let batch = 0; result.guests < plan.guests && goesOn(); batch++) {
    const runs = Math.min(BATCH, plan.guests - result.guests);
    compareGuests(fastCheck, ours, theirs, programs, plan.seed + batch, runs, result);
    if (result.unexplainedGuests.length >= ENOUGH) break;
    await progress(plan, result);
  }
  return result;
}

async function progress(plan: Plan, result: Result): Promise<void> {
  plan.onProgress?.(result);
  await new Promise((resolve) => setImmediate(resolve));
}

function compareBatch(
  fastCheck: FastCheck,
  ours: KvmClient,
  theirs: KvmClient,
  arbitrary: fc.Arbitrary<Call[]>,
  seed: number,
  result: Result,
): void {
  let found: Unexplained | null = null;
  const property = fastCheck.property(arbitrary, (calls) => {
    // While it shrinks nothing is counted.
    const counts = found === null;
    const difference = compareSequence(ours, theirs, calls, {
      compared: (call, theirAnswer) => {
        if (counts) noteCall(result, call, theirAnswer.result);
      },
      known: ({ name }) => {
        if (counts) increment(result.known, name);
      },
    });
    if (counts) result.sequences++;
    if (difference === null) return true;
    const again = result.unexplained.find((one) => isSame(one.difference, difference));
    if (again !== undefined) {
      again.times++;
      return true;
    }
    found = { calls: calls.slice(0, difference.at + 1), difference, times: 1 };
    return false;
  });
  fastCheck.check(property, { seed, numRuns: BATCH });
  if (found !== null) result.unexplained.push(found);
}

/** By the call that differs and both answers: the rest of a sequence may come in many ways. */
function isSame(a: Difference, b: Difference): boolean {
  const key = ({ call, ours, theirs }: Difference) =>
    [call.call, answerText(ours), answerText(theirs)].join('\n');
  return key(a) === key(b);
}

function noteCall(result: Result, call: Call, answer: number): void {
  // To look at shared memory is no call.
  if (call.call !== 'coalesced ring') result.calls++;
  const entry = result.byName.get(call.call) ?? { calls: 0, results: new Map<string, number>() };
  result.byName.set(call.call, entry);
  entry.calls++;
  increment(entry.results, answer < 0 ? answerText({ result: answer }) : '0 or more');
}

function compareGuests(
  fastCheck: FastCheck,
  ours: KvmClient,
  theirs: KvmClient,
  arbitrary: fc.Arbitrary<Guest>,
  seed: number,
  numRuns: number,
  result: Result,
): void {
  let found: UnexplainedGuest | null = null;
  const property = fastCheck.property(arbitrary, (guest) => {
    const run = compareGuest(ours, theirs, guest);
    if (found === null) noteGuest(run, guest, result, false);
    if (run.differs.length > 0) found = { guest, differs: run.differs };
    return run.differs.length === 0;
  });
  fastCheck.check(property, { seed, numRuns });
  if (found !== null) result.unexplainedGuests.push(found);
}

function noteGuest(run: GuestRun, guest: Guest, result: Result, report = true): void {
  result.guests++;
  if (run.unfollowed !== null) increment(result.unfollowed, run.unfollowed);
  if (run.readLogged) increment(result.known, READ_LOGGED);
  for (const exit of run.exits) increment(result.exits, exit.split(',', 1)[0] as string);
  if (report && run.differs.length > 0) result.unexplainedGuests.push({ guest, differs: run.differs });
}

function increment(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}
