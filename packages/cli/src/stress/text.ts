/** Results of stress runs as text: one line a scenario, and below it what was found. */
import type { Finding } from '@faultline/threads';
import pc from 'picocolors';
import { count, duration } from '../run/progress.ts';
import { hitBound, type StressReport } from './report.ts';

/** 'clean      memslots/x  12,345 runs in 2.0 s, 6,172/s, 3 final states; seen 3 of 5 explored states' */
export function reportText(report: StressReport, width: number): string {
  const { scenario, rounds, ms, states, findings, explored } = report;
  const parts = [
    `${count(rounds)} ${rounds === 1 ? 'run' : 'runs'} in ${duration(ms / 1000)}`,
    `${count(Math.round(rounds / Math.max(ms / 1000, 0.001)))}/s`,
    `${count(states)} final ${states === 1 ? 'state' : 'states'}`,
  ];
  const lines = [`${word(report)}  ${pc.bold(scenario.padEnd(width))}  ${parts.join(', ')}${seen(report)}`];
  if (report.ended === 'interrupted') lines.push('  interrupted: the runs above were done before');
  for (const finding of findings) lines.push(...findingLines(report, finding));
  for (const state of explored?.strangers ?? []) {
    lines.push(`  a final state that no interleaving has, in ${count(state.rounds)} runs: ${state.text}`);
  }
  for (const [text, n] of Object.entries(report.sometimes)) {
    if (n === 0 && findings.length === 0) lines.push(pc.dim(`  not seen on threads: ${text}`));
  }
  return `${lines.join('\n')}\n`;
}

function word({ findings, explored, expected, ended }: StressReport): string {
  if (hitBound(findings)) return pc.yellow('bound   ');
  if (findings.length > 0) return expected ? pc.yellow('expected') : pc.red('VIOLATED');
  if ((explored?.strangers.length ?? 0) > 0) return pc.red('DIFFERS ');
  if (ended === 'interrupted') return pc.yellow('stopped ');
  return pc.green('clean   ');
}

function seen({ explored }: StressReport): string {
  if (explored === null) return '';
  const bound = explored.complete ? '' : ' (exploration incomplete)';
  return `; seen ${count(explored.seen)} of ${count(explored.states)} explored states${bound}`;
}

function findingLines(report: StressReport, finding: Finding): string[] {
  const { kind, text, thread, round, results, stack } = finding;
  const where = thread === '' ? '' : ` in ${thread}`;
  const lines = [`  ${kind}${where}: ${text}`, `    in run ${count(round)}, seed ${report.seed}`];
  if (results !== '') lines.push(`    threads returned ${results}`);
  const frames = stack
    .split('\n')
    .filter((line) => line.trim() !== '' && !/node:|\/threads\/src\//.test(line));
  for (const line of frames.slice(0, 8)) lines.push(`    ${line.trim()}`);
  lines.push(
    `    Threads do not replay. The interleaving: ${['npx faultline check', ...report.again].join(' ')}`,
  );
  return lines;
}
