/** What a comparison with a real KVM prints. */
import pc from 'picocolors';
import { count, duration } from '../run/progress.ts';
import { answerText, callText } from './calls.ts';
import type { Result, Unexplained, UnexplainedGuest } from './campaign.ts';
import { KNOWN_DIFFERENCES } from './known.ts';

export interface Summary {
  readonly result: Result;
  readonly kernel: string;
  readonly seconds: number;
  /** How the same is compared again. */
  readonly again: string;
  readonly variant: string;
}

export function summaryText({ result, kernel, seconds, again, variant }: Summary): string {
  const calls = `${count(result.calls)} calls in ${count(result.sequences)} VMs`;
  const guests = `${count(result.guests)} guests`;
  const changed = variant === '' ? '' : ` (with ${variant})`;
  return [
    `Faultline${changed} and ${kernel}: ${calls}, ${guests}; ${duration(seconds)}`,
    '',
    ...callLines(result),
    '',
    ...guestLines(result),
    '',
    ...knownLines(result),
    ...unexplainedLines(result),
    verdict(result),
    `again: ${again}`,
    '',
  ].join('\n');
}

function callLines({ byName }: Result): string[] {
  const width = Math.max(...[...byName.keys()].map((name) => name.length), 0);
  return [...byName]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { calls, results }]) => {
      const shown = [...results].sort(([, a], [, b]) => b - a).map(([what, n]) => `${what} ${count(n)}`);
      return `  ${name.padEnd(width)} ${count(calls).padStart(7)}  ${pc.dim(shown.join(', '))}`;
    });
}

function guestLines({ guests, exits, unfollowed }: Result): string[] {
  if (guests === 0) return ['  no guests'];
  const shown = [...exits].sort(([, a], [, b]) => b - a).map(([what, n]) => `${what} ${count(n)}`);
  const compared = guests - [...unfollowed.values()].reduce((sum, n) => sum + n, 0);
  const lines = [
    `  guests ${count(compared)}: exits, registers, memory and dirty logs  ${pc.dim(shown.join(', '))}`,
  ];
  for (const [why, n] of unfollowed) lines.push(`  not compared ${count(n)}: ${why}`);
  return lines;
}

function knownLines({ known }: Result): string[] {
  const met = KNOWN_DIFFERENCES.filter(({ name }) => known.has(name));
  return met.map(({ name }) => `known      ${name}: ${count(known.get(name) ?? 0)} times (docs/fidelity.md)`);
}

function unexplainedLines({ unexplained, unexplainedGuests }: Result): string[] {
  return [...unexplained.flatMap(sequenceLines), ...unexplainedGuests.flatMap(programLines)];
}

function sequenceLines({ calls, difference, times }: Unexplained): string[] {
  return [
    `${pc.red('differs')}    ${difference.call.call}, ${times === 1 ? 'once' : `${count(times)} times`}; at its shortest:`,
    ...calls.map((call, i) => `  ${i + 1}. ${callText(call)}`),
    `     ours   ${answerText(difference.ours)}`,
    `     theirs ${answerText(difference.theirs)}`,
  ];
}

function programLines({ guest, differs }: UnexplainedGuest): string[] {
  const code = guest.code.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const registers = Object.entries(guest.registers ?? {}).map(
    ([name, value]) => `${name} ${value.toString(16)}`,
  );
  return [
    `${pc.red('differs')}    a guest: ${code}`,
    `     registers ${registers.join(', ')}`,
    ...differs.map((line) => `     ${line}`),
  ];
}

function verdict({ unexplained, unexplainedGuests }: Result): string {
  const n = unexplained.length + unexplainedGuests.length;
  if (n === 0) return `${pc.green('equal')}      no difference that is not explained`;
  return `${pc.red('differs')}    ${n} that nobody has explained`;
}

/** The same for programs. */
export function summaryJson({ result, kernel, seconds }: Summary): unknown {
  const { byName, known, exits, unfollowed, unexplained, unexplainedGuests, ...numbers } = result;
  return {
    kernel,
    seconds,
    ...numbers,
    byName: Object.fromEntries(
      [...byName].map(([name, { calls, results }]) => [
        name,
        { calls, results: Object.fromEntries(results) },
      ]),
    ),
    exits: Object.fromEntries(exits),
    notCompared: Object.fromEntries(unfollowed),
    known: Object.fromEntries(known),
    unexplained: unexplained.map(({ calls, difference, times }) => ({
      times,
      calls: calls.map(callText),
      ours: answerText(difference.ours),
      theirs: answerText(difference.theirs),
    })),
    unexplainedGuests,
  };
}
