/** Options that several verbs take, and how their values are read. */
import { InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../exit.ts';
import { type Bounds, MODES, type Mode } from '../run/job.ts';
import { either, near } from '../scenarios.ts';

/** 'html' writes a page for each counterexample; 'html:FILE' says where. */
export type Reporter = 'text' | 'json' | 'mail' | 'html' | `html:${string}`;

export interface BoundOptions {
  readonly maxSteps?: number;
  readonly maxExecutions?: number;
  readonly time?: number;
}

export const withoutOption = () =>
  new Option('--without <step...>', 'leave out a step, or weaken the operation of that name');

export const withOption = () =>
  new Option('--with <variant...>', 'apply a variant: a name of packages/kvm/variants, or a file');

export const modeOption = () =>
  new Option('--mode <mode>', 'how to search; all of them agree')
    .choices(MODES)
    .default('optimal' satisfies Mode);

export const modelOption = () =>
  new Option('--model <model>', 'memory model').choices(['sc', 'tso']).default('sc');

export const boundOptions = () => [
  new Option('--max-steps <n>', 'cut executions longer than this').argParser(positive),
  new Option('--max-executions <n>', 'stop after so many executions').argParser(positive),
  new Option('--time <seconds>', 'stop after so long').argParser(seconds),
];

export const reporterOption = () =>
  new Option(
    '--reporter <reporter>',
    'how to print results: text, json, mail, or html[:FILE] for a page each',
  )
    .argParser(reporter)
    .default('text' satisfies Reporter);

function reporter(text: string): Reporter {
  if (text === 'text' || text === 'json' || text === 'mail' || text === 'html') return text;
  if (/^html:.*(\.html?|\/)$/.test(text)) return text as Reporter;
  const hint = text.startsWith('html:') ? 'A page is a file that ends in .html, or goes into a folder/.' : '';
  throw new InvalidArgumentError(hint || 'Allowed choices are text, json, mail, html, html:FILE.');
}

export function boundsOf({ maxSteps, maxExecutions, time }: BoundOptions): Bounds {
  return {
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(maxExecutions === undefined ? {} : { maxExecutions }),
    ...(time === undefined ? {} : { time: time * 1000 }),
  };
}

/** Throws a UsageError for an area that has nothing. */
export function requireAreas(areas: readonly string[], known: readonly string[]): void {
  for (const area of areas) {
    if (known.includes(area)) continue;
    const close = near(area, known);
    const hint = close.length > 0 ? ` Did you mean ${either(close)}?` : '';
    throw new UsageError(`no area '${area}'.${hint}\nAreas: ${known.join(' ')}.`);
  }
}

export function positive(text: string): number {
  const n = Number(text.replace(/[,_]/g, ''));
  if (!Number.isInteger(n) || n <= 0) throw new InvalidArgumentError('Expected a whole number above 0.');
  return n;
}

export function seconds(text: string): number {
  const n = Number(text.replace(/s$/, ''));
  if (!Number.isFinite(n) || n <= 0)
    throw new InvalidArgumentError('Expected seconds above 0, such as 30 or 30s.');
  return n;
}

/** Ctrl-C asks for what was done so far; a second one ends at once. */
export function stopOnSignal(): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130);
    process.stderr.write('\nstopping: what was done so far follows (again to stop at once)\n');
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const dispose = () => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
  return { signal: controller.signal, dispose };
}
