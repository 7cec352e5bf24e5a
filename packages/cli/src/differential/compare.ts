/** One sequence on both sides, call by call, up to the first difference that nobody explains. */
import { type Answer, answerText, type Call, perform } from './calls.ts';
import { type KvmClient, PAGE, type VmClient } from './client.ts';
import { addCodeSlot } from './guest.ts';
import { KNOWN_DIFFERENCES, type KnownDifference, type Pair } from './known.ts';

export const NEVER = 'never returns';

export interface Difference {
  /** Index of the call. */
  readonly at: number;
  readonly call: Call;
  readonly ours: Answer;
  readonly theirs: Answer;
}

/** Told of each call that both sides have made. */
export interface Watcher {
  compared(call: Call, theirs: Answer): void;
  known(difference: KnownDifference): void;
}

/** Null if they agree, known differences aside. */
export function compareSequence(
  ours: KvmClient,
  theirs: KvmClient,
  calls: readonly Call[],
  watcher: Watcher,
): Difference | null {
  const mine = ours.createVm();
  const other = theirs.createVm();
  try {
    const code = [addCodeSlot(mine), addCodeSlot(other)];
    if (code[0] !== code[1]) throw new Error(`the slot of the code: ${code.join(' and ')}`);
    return compareCalls(mine, other, calls, watcher);
  } finally {
    mine.close();
    other.close();
  }
}

function compareCalls(
  mine: VmClient,
  other: VmClient,
  calls: readonly Call[],
  watcher: Watcher,
): Difference | null {
  const bases = new Map<number, number>();
  for (const [at, call] of calls.entries()) {
    const ours = ourAnswer(mine, call);
    const theirs = perform(other, call);
    if (ours === null || theirs === null) {
      if (ours !== theirs) throw new Error(`a vCPU that only one side has: ${call.call}`);
      continue;
    }
    watcher.compared(call, theirs);
    if (call.call === 'KVM_SET_USER_MEMORY_REGION' && ours.result === 0) {
      bases.set(call.slot, Number(call.userspaceAddr / BigInt(PAGE)));
    }
    if (answerText(ours) === answerText(theirs)) continue;
    const known = explanationOf({ call, ours, theirs, read: mine.read ?? new Set(), bases });
    if (known === null) return { at, call, ours, theirs };
    watcher.known(known);
    if (known.diverges === true) return null;
  }
  return null;
}

/** A model that goes round in circles is a difference like any other. */
function ourAnswer(mine: VmClient, call: Call): Answer | null {
  try {
    return perform(mine, call);
  } catch (error) {
    // By name: over a changed system it is another bundle that throws.
    if (error instanceof Error && error.name === 'NeverReturns') return { result: 0, data: [NEVER] };
    throw error;
  }
}

function explanationOf(pair: Pair): KnownDifference | null {
  return KNOWN_DIFFERENCES.find((known) => known.explains(pair)) ?? null;
}
