/** Results as plain text for a reply on a mailing list: no colours, 72 columns. */
import type { CheckResult, ReplayResult } from '../run/job.ts';
import { raceLine } from './races.ts';
import { changes, extent, headline, isShown, replayCommand, switches } from './text.ts';

export function checkMail(result: CheckResult, again: readonly string[]): string {
  const lines = [...wrap(`${result.scenario}${changes(result)}: ${result.verdict}`)];
  if (result.title !== result.scenario) lines.push(...wrap(result.title));
  lines.push(
    ...wrap(`Checked: ${extent(result)}`),
    ...result.races.flatMap((race) => wrap(raceLine(result, race))),
    ...result.bounds.flatMap((bound) => wrap(`Bound: ${bound}`)),
  );
  for (const finding of result.findings) {
    lines.push('', ...wrap(headline(result, finding)));
    for (const line of finding.says.split('\n')) if (line !== '') lines.push(...wrap(line, '  '));
    if (finding.diagram !== '')
      lines.push('', finding.diagram.trimEnd(), '', ...wrap(`${switches(finding)}.`));
    if (isShown(finding)) lines.push('Reproduce with:', `  ${replayCommand(result, finding, again)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** One execution again, for a mail. */
export function replayMail({ scenario, says, diagram, violated, arenaHash }: ReplayResult): string {
  const lines = wrap(`${scenario}: ${violated ? 'violated' : 'holds'}`);
  for (const line of says.split('\n')) if (line !== '') lines.push(...wrap(line, '  '));
  lines.push(
    '',
    diagram.trimEnd(),
    '',
    ...wrap(`Replayed exactly; memory at the end has hash ${arenaHash}.`),
  );
  return `${lines.join('\n')}\n`;
}

const WIDTH = 72;

/** Breaks at spaces; a word longer than the line stays whole. */
export function wrap(text: string, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(indent + line);
  return lines;
}
