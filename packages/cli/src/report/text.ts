/** Results as text for a terminal. */
import pc from 'picocolors';
import { type CheckResult, executionsOf, type FoundFinding, type Verdict } from '../run/job.ts';
import { count, duration } from '../run/progress.ts';
import { writeReplayFile } from '../token.ts';
import { comparisonLines, raceLine } from './races.ts';

export interface TextOptions {
  /** What a command needs to find the scenario again, besides the token. */
  readonly again: readonly string[];
  /** Print every event of the execution, not only the diagram. */
  readonly trace: boolean;
}

/** The verdict, of what it is one, and each finding with its diagram and token. */
export function checkText(result: CheckResult, options: TextOptions): string {
  const lines = [`${verdictWord(result)}  ${pc.bold(result.scenario)}${changes(result)}`];
  if (result.title !== result.scenario) lines.push(`  ${result.title}`);
  lines.push(`  ${extent(result)}`);
  if (result.expected) lines.push(expectation(result));
  for (const race of result.races) lines.push(`  ${raceLine(result, race)}`);
  if (result.comparison !== undefined) lines.push(...comparisonLines(result, result.comparison));
  for (const bound of result.bounds) lines.push(`  ${pc.yellow('bound:')} ${bound}`);
  for (const finding of result.findings) lines.push('', ...findingLines(result, finding, options));
  return `${lines.join('\n')}\n`;
}

/** 'of what': size, memory model, mode, executions, distinct states, time. */
export function extent(result: CheckResult): string {
  const parts = [result.size, modelName(result.model), `mode ${result.mode}`].filter((part) => part !== '');
  const total = executionsOf(result);
  const runs = [`${count(total)} ${total === 1 ? 'execution' : 'executions'}`];
  if (result.deadlocked > 0) runs.push(`${count(result.deadlocked)} of them deadlocked`);
  if (result.truncated > 0) runs.push(`${count(result.truncated)} cut short`);
  runs.push(`${count(result.states)} distinct ${result.states === 1 ? 'state' : 'states'}`);
  runs.push(`at most ${count(result.maxDepth)} steps`);
  return `${parts.join(', ')}: ${runs.join(', ')}; ${duration(result.ms / 1000)}`;
}

export function changes({ without, variant }: Pick<CheckResult, 'without' | 'variant'>): string {
  const parts: string[] = [];
  if (variant !== '') parts.push(`with ${variant}`);
  if (without.length > 0) parts.push(`without ${without.join(', ')}`);
  return parts.length > 0 ? ` (${parts.join('; ')})` : '';
}

export function modelName(model: string): string {
  return model === 'sc' ? 'sequential consistency' : 'x86-TSO';
}

const COLOURS: Readonly<Record<Verdict, (text: string) => string>> = {
  verified: pc.green,
  violated: pc.red,
  inconclusive: pc.yellow,
};

function verdictWord({ verdict, expected }: CheckResult): string {
  if (expected) return verdict === 'violated' ? pc.green('violated') : pc.red(verdict);
  return COLOURS[verdict](verdict);
}

function expectation({ verdict }: CheckResult): string {
  return verdict === 'violated'
    ? '  as expected: the sentence that it takes literally is wrong as written'
    : `  ${pc.red('expected to be violated:')} the sentence that it takes literally was wrong as written, and no longer is`;
}

function findingLines(result: CheckResult, finding: FoundFinding, options: TextOptions): string[] {
  const lines = [`  ${headline(result, finding)}`];
  for (const line of finding.says.split('\n')) if (line !== '') lines.push(`    ${line}`);
  if (finding.diagram !== '') lines.push('', finding.diagram.trimEnd(), '');
  if (finding.lockdep !== undefined) {
    lines.push('  as lockdep would say it, if it saw grace periods:', '', finding.lockdep, '');
  }
  if (options.trace && finding.trace !== '') lines.push(finding.trace.trimEnd(), '');
  if (isShown(finding)) {
    lines.push(`  ${switches(finding)}`, `  replay: ${replayCommand(result, finding, options.again)}`);
  }
  return lines;
}

/** Kind, rule and how often. */
export function headline(result: CheckResult, { kind, name, executions }: FoundFinding): string {
  const total = count(executionsOf(result));
  if (kind === 'sometimes') return `never happens: '${name}', in none of ${total} executions`;
  if (kind === 'lock rule') return 'breaks a rule of locks:';
  const what = name === '' ? kind : kind === 'always' ? `falls: '${name}'` : `${kind}: falls: '${name}'`;
  return `${what}, in ${count(executions)} of ${total} executions`;
}

export function switches({ switches: n, effort }: FoundFinding): string {
  return `${n} context ${n === 1 ? 'switch' : 'switches'}; ${effort}`;
}

/** The command that runs the execution again; writes the file that it needs if no token holds it. */
export function replayCommand(result: CheckResult, finding: FoundFinding, again: readonly string[]): string {
  const token = finding.token === '' ? writeReplayFile(result.scenario, finding.contents) : finding.token;
  return ['npx faultline replay', token, ...again].join(' ');
}

/** An unreached `sometimes` has no execution to show. */
export function isShown({ token, contents }: FoundFinding): boolean {
  return token !== '' || contents !== '';
}
