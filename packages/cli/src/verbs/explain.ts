import { createReadStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  analyse,
  builtInRules,
  type Drawing,
  drawCycle,
  type Explained,
  Explainer,
  explainJson,
  explainText,
  isLockingDocument,
  isProblem,
  parseLockingDocument,
  plainStyle,
  type RuleBook,
  type RulesFor,
  type Style,
  skeletonOf,
  type TraceOptions,
  toDot,
  toSvg,
} from '@faultline/lockdep';
import { type Command, Option } from 'commander';
import colors from 'picocolors';
import { type Conformance, Conformer } from '../conform/conformance.ts';
import { conformanceJson, conformanceStatus, conformanceText } from '../conform/text.ts';

interface ExplainOptions {
  readonly reporter: 'text' | 'mail' | 'json';
  readonly rst?: string;
  readonly dot?: boolean;
  readonly svg?: string;
  readonly fromRaceTable?: boolean;
  readonly gfn?: string;
  readonly conform?: boolean;
}

/** Input that a user can mend: exit status 2. */
class BadInput extends Error {}

/** `faultline explain`: from a kernel log to the picture, the rule and the sentence. */
export function registerExplain(program: Command): void {
  program
    .command('explain')
    .description('explain a kernel log, trace, /proc/lockdep dump or hand-drawn race table')
    .argument('[files...]', 'files to read; - or nothing reads standard input')
    .addOption(
      new Option('--reporter <form>', 'form of the answer').choices(['text', 'mail', 'json']).default('text'),
    )
    .option('--rst <file>', 'rules to use: a locking.rst (default: one beside the log, else built-in rules)')
    .option('--dot', 'print the cycles for Graphviz')
    .option('--svg <file>', 'write the cycles as a picture')
    .option('--gfn <hex>', 'follow this guest frame through a KVM trace')
    .option('--conform', 'hold each SPTE change of a KVM trace against what the model does')
    .option('--from-race-table', 'print a scenario skeleton for each race table')
    .action(async (files: string[], options: ExplainOptions) => {
      process.exitCode = await run(files.length > 0 ? files : ['-'], options);
    });
}

async function run(files: readonly string[], options: ExplainOptions): Promise<number> {
  let worst = 0;
  const answers: object[] = [];
  const drawings: Drawing[] = [];
  for (const file of files) {
    try {
      if (options.conform) {
        const conformance = await conform(file, options);
        if (options.reporter === 'json') answers.push({ file, ...conformanceJson(conformance) });
        else printConformance(file, files.length > 1, conformance, options);
        worst = Math.max(worst, conformanceStatus(conformance));
        continue;
      }
      const given = options.rst ? readRules(options.rst) : besides(file);
      if (given && !options.rst)
        process.stderr.write(`using the rules of ${given.document}, found beside the log\n`);
      const rules: RulesFor = (report) => given ?? builtInRules(report.kernel ?? null);
      const explained = await read(file, options);
      if (options.reporter === 'json') answers.push({ file, ...explainJson(explained, rules) });
      else print(file, files.length > 1, explained, rules, options);
      drawings.push(...drawingsOf(explained, rules));
      worst = Math.max(worst, statusOf(file, explained));
    } catch (error) {
      worst = Math.max(worst, failed(file, error));
    }
  }
  if (answers.length > 0) {
    process.stdout.write(`${JSON.stringify(files.length === 1 ? answers[0] : answers, null, 2)}\n`);
  }
  if (options.dot) for (const d of drawings) process.stdout.write(toDot(d));
  if (options.dot && drawings.length === 0) process.stderr.write('no cycle to draw\n');
  return Math.max(worst, writeSvg(options.svg, drawings));
}

/** Throws BadInput for what is no KVM trace. */
async function conform(file: string, options: ExplainOptions): Promise<Conformance> {
  const conformer = new Conformer();
  const { found } = await read(file, options, conformer.take);
  const traces = found.flatMap((f) => (f.type === 'trace' ? [f.trace] : []));
  if (traces.length === 0) throw new BadInput('no trace in it: --conform wants kvm and kvmmmu events');
  const sum = (of: (t: (typeof traces)[number]) => number) => traces.reduce((n, t) => n + of(t), 0);
  return conformer.end({ lost: sum((t) => t.lost), overwritten: sum((t) => t.overwritten) });
}

function printConformance(file: string, named: boolean, c: Conformance, options: ExplainOptions): void {
  const style = options.reporter === 'mail' ? plainStyle(72) : screenStyle();
  if (named) process.stdout.write(`${style.strong(`== ${file}`)}\n`);
  process.stdout.write(`${conformanceText(c, style).join('\n')}\n${named ? '\n' : ''}`);
}

async function read(
  file: string,
  options: ExplainOptions,
  onEvent?: TraceOptions['onEvent'],
): Promise<Explained> {
  const explainer = new Explainer({
    ...(options.gfn === undefined ? {} : { gfn: options.gfn }),
    ...(onEvent === undefined ? {} : { onEvent }),
  });
  if (file === '-' && process.stdin.isTTY)
    process.stderr.write('reading standard input, to the end (Ctrl-D)\n');
  const stream: AsyncIterable<Buffer | string> =
    file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 1 << 18 });
  for await (const chunk of stream) explainer.push(chunk);
  const explained = explainer.end();
  if (explained.lines === 0) throw new BadInput('empty input');
  if (explained.found.length === 0 && !explained.isLog) {
    const at = explained.notUnderstood;
    if (!at) throw new BadInput('empty input');
    throw new BadInput(
      `line ${at.line} not understood: ${printable(at.text)}\nExpected a kernel log, a trace, a /proc/lockdep* dump, perf lock output or a race table with its CPU columns.`,
    );
  }
  return explained;
}

function print(file: string, named: boolean, x: Explained, rules: RulesFor, options: ExplainOptions): void {
  if (options.fromRaceTable) {
    const tables = x.found.filter((f) => f.type === 'race-table');
    if (tables.length === 0)
      throw new BadInput(
        'no race table found: expected a line that names the columns (CPU0   CPU1) above the rows',
      );
    for (const t of tables) process.stdout.write(skeletonOf(t.table));
    return;
  }
  if (options.dot) return;
  const style = options.reporter === 'mail' ? plainStyle(72) : screenStyle();
  if (named) process.stdout.write(`${style.strong(`== ${file}`)}\n`);
  process.stdout.write(`${explainText(x, rules, style).join('\n')}\n`);
}

function screenStyle(): Style {
  const width = Math.min(100, Math.max(60, process.stdout.columns ?? 90));
  const c = colors.createColors(
    colors.isColorSupported && process.stdout.isTTY === true && !process.env.NO_COLOR,
  );
  return { width, strong: c.bold, bad: c.red, good: c.green, dim: c.dim };
}

function statusOf(file: string, x: Explained): number {
  if (x.cut) process.stderr.write(`${file}: more records than are kept\n`);
  return isProblem(x) ? 1 : 0;
}

function failed(file: string, error: unknown): number {
  const name = file === '-' ? 'standard input' : file;
  if (error instanceof BadInput) {
    process.stderr.write(`${name}: ${error.message}\n`);
    return 2;
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/^E[A-Z]+$/.test(code)) {
    process.stderr.write(
      `${name}: cannot be read (${code}). Give a readable file, or - for standard input.\n`,
    );
    return 2;
  }
  process.stderr.write(
    `${name}: internal error, please report it with the input: ${error instanceof Error ? error.stack : error}\n`,
  );
  return 4;
}

/** A locking.rst in the folder of the log, or beside that folder; null when there is none. */
function besides(file: string): RuleBook | null {
  if (file === '-') return null;
  const folder = dirname(file);
  for (const path of [folder, join(folder, '..')].flatMap((f) => [
    join(f, 'locking.rst'),
    join(f, 'locking.txt'),
  ])) {
    if (path === file || !existsSync(path)) continue;
    const text = readFileSync(path, 'utf8');
    if (isLockingDocument(text)) return parseLockingDocument(text, path);
  }
  return null;
}

function readRules(path: string): RuleBook {
  const text = readFileSync(path, 'utf8');
  if (!isLockingDocument(text))
    throw new BadInput(`${path} is not KVM's lock document: expected a section "Acquisition Orders"`);
  return parseLockingDocument(text, path);
}

function drawingsOf(x: Explained, rules: RulesFor): Drawing[] {
  const drawings: Drawing[] = [];
  for (const f of x.found) {
    if (f.type === 'race-table' && f.cycle.length > 0)
      drawings.push(drawCycle('race table', f.cycle, new Map()));
    if (f.type !== 'report') continue;
    const a = analyse(f.report, rules(f.report));
    if (a.cycle.length === 0) continue;
    const broken = new Map(a.broken.map((v) => [v.edge, `breaks: ${v.rule.says}`]));
    drawings.push(drawCycle(a.title, a.cycle, broken));
  }
  return drawings;
}

function writeSvg(path: string | undefined, drawings: readonly Drawing[]): number {
  if (path === undefined) return 0;
  if (drawings.length === 0) {
    process.stderr.write('no cycle to draw: no picture written\n');
    return 0;
  }
  const first = drawings[0];
  const title = drawings.length === 1 ? (first?.title ?? '') : `${drawings.length} cycles`;
  try {
    writeFileSync(path, toSvg({ title, edges: drawings.flatMap((d) => d.edges) }));
  } catch (error) {
    process.stderr.write(`${path}: cannot be written: ${error instanceof Error ? error.message : error}\n`);
    return 2;
  }
  process.stderr.write(`picture written to ${path}\n`);
  return 0;
}

function printable(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
