/** `faultline litmus`: what a litmus test of the public corpora shows in our memory model, in the form that herd prints. */
import { readFileSync } from 'node:fs';
import {
  type Condition,
  exploreLitmus,
  HerdError,
  type HerdTest,
  type ModelName,
  parseOutcome,
  readHerd,
} from '@faultline/explore';
import type { Command } from 'commander';
import { ExitCode, UsageError, worst } from '../exit.ts';
import { modelOption } from './options.ts';

interface LitmusOptions {
  readonly model: ModelName;
  readonly json?: true;
}

interface Answer {
  readonly name: string;
  readonly model: ModelName;
  /** Each state, restricted to what the condition speaks of, with the number of traces that end in it. */
  readonly states: readonly { readonly state: string; readonly traces: number; readonly witness: boolean }[];
  readonly condition: string;
  readonly holds: boolean;
}

export function registerLitmus(program: Command): void {
  program
    .command('litmus')
    .argument('<file...>', 'litmus tests for X86 or X86_64, as herd reads them')
    .description('every outcome of a litmus test, and whether its condition holds')
    .addOption(modelOption().default('tso'))
    .option('--json', 'one JSON array, for programs')
    .action((files: string[], options: LitmusOptions) => {
      process.exitCode = litmus(files, options);
    });
}

/** 0 if every condition holds. */
function litmus(files: readonly string[], { model, json }: LitmusOptions): number {
  const answers = files.map((file) => answer(read(file), model));
  process.stdout.write(
    json === true ? `${JSON.stringify(answers, null, 2)}\n` : answers.map(asText).join('\n'),
  );
  return worst(answers.map(({ holds }) => (holds ? ExitCode.CLEAN : ExitCode.FINDING)));
}

function read(file: string): HerdTest {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file}: cannot be read; expected a litmus test`, { cause: error });
  }
  try {
    return readHerd(text, file);
  } catch (error) {
    if (error instanceof HerdError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function answer({ test, condition }: HerdTest, model: ModelName): Answer {
  const { outcomes } = exploreLitmus(test, model);
  const states = new Map<string, { traces: number; witness: boolean }>();
  for (const [text, traces] of outcomes) {
    const outcome = parseOutcome(text);
    const state = shown(outcome, condition);
    const before = states.get(state)?.traces ?? 0;
    states.set(state, { traces: before + traces, witness: condition.holds(outcome) });
  }
  const list = [...states].map(([state, more]) => ({ state, ...more }));
  const some = list.some(({ witness }) => witness);
  return {
    name: test.name,
    model,
    states: list.sort((a, b) => (a.state < b.state ? -1 : 1)),
    condition: condition.text,
    holds: verdict(
      condition,
      some,
      list.every(({ witness }) => witness),
    ),
  };
}

function verdict({ quantifier }: Condition, some: boolean, all: boolean): boolean {
  if (quantifier === 'forall') return all;
  return quantifier === 'exists' ? some : !some;
}

function shown(outcome: Readonly<Record<string, number>>, { speaksOf }: Condition): string {
  return [...speaksOf]
    .sort()
    .map((name) => `${name}=${outcome[name] ?? 0};`)
    .join(' ');
}

function asText({ name, model, states, condition, holds }: Answer): string {
  const count = (witness: boolean) => states.filter((one) => one.witness === witness).length;
  const [yes, no] = [count(true), count(false)];
  const observed = yes === 0 ? 'Never' : no === 0 ? 'Always' : 'Sometimes';
  const width = Math.max(...states.map(({ traces }) => String(traces).length));
  return [
    `Test ${name}, ${model === 'tso' ? 'x86-TSO' : 'sequential consistency'}`,
    `States ${states.length}, each with its traces`,
    ...states.map((one) => `${String(one.traces).padStart(width)} ${one.witness ? '*' : ' '} ${one.state}`),
    holds ? 'Ok' : 'No',
    `Witnesses: ${yes} of ${states.length} states`,
    `Condition ${condition}`,
    `Observation ${name} ${observed} ${yes} ${no}`,
    '',
  ].join('\n');
}
