import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  bookText,
  builtInRules,
  checkGraph,
  checkText,
  type Drawing,
  diffGraphs,
  diffRules,
  diffText,
  Explainer,
  type Found,
  type GraphCheck,
  gracePeriods,
  graceText,
  isKvmLock,
  isLockingDocument,
  type LockChains,
  LockGraph,
  parseLockingDocument,
  plainStyle,
  type RuleBook,
  ruleLine,
  type Style,
  toDot,
  toSvg,
} from '@faultline/lockdep';
import type { Command } from 'commander';
import colors from 'picocolors';
import { UsageError } from '../exit.ts';
import { showCatalogue } from './locks-catalogue.ts';

interface LocksOptions {
  readonly against?: string;
  readonly rst?: string;
  readonly proc?: string;
  readonly chains?: string;
  readonly diff?: readonly string[];
  readonly dot?: boolean;
  readonly json?: boolean;
  readonly svg?: string;
}

/** Input that a user can mend: exit status 2. */
class BadInput extends Error {}

/** `faultline locks`: KVM's locks and rules; or a lock document, two of them, one against a kernel's recorded graph. */
export function registerLocks(program: Command): void {
  program
    .command('locks')
    .argument('[scenario...]', 'without files: areas or scenarios whose locks to show; all when left out')
    .description("KVM's locks, their rules and what exercises them; or a lock document, or /proc/lockdep")
    .option('--against <file>', 'a copy of /proc/lockdep to lay beside the order that the scenarios take')
    .option('--rst <file>', 'a locking.rst to show, or to test (default: built-in rules)')
    .option('--proc <file>', 'a copy of /proc/lockdep to test the rules against')
    .option('--chains <file>', 'a copy of /proc/lockdep_chains (default: one beside --proc)')
    .option('--diff <files...>', 'compare two documents or two copies of /proc/lockdep')
    .option('--dot', "print the graph of KVM's locks for Graphviz")
    .option('--json', 'print the result as JSON')
    .option('--svg <file>', "write the graph of KVM's locks as a picture")
    .action(async (names: string[], options: LocksOptions) => {
      process.exitCode = await guarded(() => run(names, options));
    });
}

async function guarded(work: () => number | Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BadInput || error instanceof UsageError) {
      process.stderr.write(`${error.message}\n`);
      return 2;
    }
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (/^E[A-Z]+$/.test(code)) {
      process.stderr.write(`${(error as Error).message}\nGive a readable file.\n`);
      return 2;
    }
    process.stderr.write(
      `internal error, please report it: ${error instanceof Error ? error.stack : error}\n`,
    );
    return 4;
  }
}

function run(names: readonly string[], options: LocksOptions): number | Promise<number> {
  if (options.diff) return diff(options.diff, options);
  if (!options.rst && !options.proc && (!options.chains || options.against)) return catalogue(names, options);
  const book = options.rst ? readBook(options.rst) : builtInRules(null);
  const chainsPath = options.chains ?? besideChains(options.proc);
  if (chainsPath && !options.chains)
    process.stderr.write(`using the chains of ${chainsPath}, found beside the graph\n`);
  if (!options.proc && !options.chains) return showBook(book, options);
  const graph = options.proc ? graphOf(options.proc) : new LockGraph();
  const chains = chainsPath ? chainsOf(chainsPath) : null;
  if (!options.proc && !options.rst && chains) return showChains(chains, options);
  const check = checkGraph(book, graph, chains);
  const drawing = drawingOf(graph, check);
  if (options.json) printJson({ document: book.document, doubts: book.doubts, ...check });
  else if (options.dot) process.stdout.write(toDot(drawing));
  else print(checkText(book, check, style()));
  writePicture(options.svg, drawing);
  const wrong =
    check.contradictions.length + check.leaves.length + book.doubts.length + check.misspelt.length;
  return wrong > 0 || check.possible.length > 0 ? 1 : 0;
}

function catalogue(names: readonly string[], { against, chains, dot, json }: LocksOptions): Promise<number> {
  const chainsPath = chains ?? besideChains(against);
  const recorded =
    against === undefined
      ? {}
      : { against: { graph: graphOf(against), chains: chainsPath ? chainsOf(chainsPath) : null } };
  return showCatalogue(names, { ...recorded, dot: dot === true, json: json === true }, style());
}

function showBook(book: RuleBook, options: LocksOptions): number {
  const drawing: Drawing = {
    title: book.document,
    edges: book.rules
      .filter((r) => r.kind === 'order')
      .map((r) => ({ from: r.outer, to: r.inner, red: false, label: `line ${r.source.line}` })),
  };
  if (options.json) printJson(book);
  else if (options.dot) process.stdout.write(toDot(drawing));
  else print(bookText(book, style()));
  writePicture(options.svg, drawing);
  return book.doubts.length > 0 ? 1 : 0;
}

function showChains(chains: LockChains, options: LocksOptions): number {
  const grace = gracePeriods(chains);
  if (options.json) printJson(grace);
  else print(graceText(grace, style()));
  return grace.some((g) => g.both.length > 0) ? 1 : 0;
}

function diff(files: readonly string[], options: LocksOptions): number {
  const [a, b] = files;
  if (a === undefined || b === undefined || files.length !== 2) throw new BadInput('--diff needs two files');
  const texts = [readFileSync(a, 'utf8'), readFileSync(b, 'utf8')] as const;
  if (isLockingDocument(texts[0]) !== isLockingDocument(texts[1]))
    throw new BadInput('--diff needs two documents or two copies of /proc/lockdep, not one of each');
  if (isLockingDocument(texts[0])) {
    const d = diffRules(parseLockingDocument(texts[0], a), parseLockingDocument(texts[1], b));
    if (options.json) printJson(d);
    else print(diffText('the rules', d.added.map(ruleLine), d.removed.map(ruleLine), style()));
    return 0;
  }
  const d = diffGraphs(graphOf(a), graphOf(b));
  const name = (e: { from: string; to: string }) => `${e.from} -> ${e.to}`;
  if (options.json) printJson({ added: d.added.map(name), removed: d.removed.map(name) });
  else print(diffText('the graphs', d.added.map(name), d.removed.map(name), style()));
  return 0;
}

function readBook(path: string): RuleBook {
  const text = readFileSync(path, 'utf8');
  if (!isLockingDocument(text))
    throw new BadInput(`${path} is not KVM's lock document: expected a section "Acquisition Orders"`);
  return parseLockingDocument(text, path);
}

function graphOf(path: string): LockGraph {
  const found = foundIn(path).find((f) => f.type === 'proc-lockdep');
  if (!found)
    throw new BadInput(`${path} is no copy of /proc/lockdep: expected "all lock classes:" and its list`);
  return found.graph;
}

function chainsOf(path: string): LockChains {
  const found = foundIn(path).find((f) => f.type === 'proc-chains');
  if (!found) throw new BadInput(`${path} is no copy of /proc/lockdep_chains: expected "irq_context:" lines`);
  return found.chains;
}

function foundIn(path: string): readonly Found[] {
  const explainer = new Explainer();
  explainer.push(readFileSync(path));
  return explainer.end().found;
}

/** proc-lockdep.txt has its proc-lockdep_chains.txt, lockdep its lockdep_chains. */
function besideChains(proc: string | undefined): string | undefined {
  if (!proc) return undefined;
  const name = basename(proc).replace(/lockdep(?!_)/, 'lockdep_chains');
  const path = join(dirname(proc), name);
  return name !== basename(proc) && existsSync(path) ? path : undefined;
}

function drawingOf(graph: LockGraph, check: GraphCheck): Drawing {
  const bad = new Map(
    check.contradictions.map((c) => [`${c.seen.outer}\0${c.seen.inner}`, `breaks: ${c.rule.says}`]),
  );
  const edges: { from: string; to: string; red: boolean; label: string }[] = [];
  const drawn = new Set<string>();
  for (const e of graph.allEdges()) {
    const key = `${e.from}\0${e.to}`;
    if (drawn.has(key) || !isKvmLock(e.from) || !isKvmLock(e.to)) continue;
    drawn.add(key);
    edges.push({ from: e.from, to: e.to, red: bad.has(key), label: bad.get(key) ?? '' });
  }
  return { title: "KVM's locks as recorded", edges };
}

function writePicture(path: string | undefined, drawing: Drawing): void {
  if (path === undefined) return;
  writeFileSync(path, toSvg(drawing));
  process.stderr.write(`picture written to ${path}\n`);
}

function style(): Style {
  const width = Math.min(100, Math.max(60, process.stdout.columns ?? 90));
  if (process.stdout.isTTY !== true || process.env.NO_COLOR) return plainStyle(width);
  const c = colors.createColors(colors.isColorSupported);
  return { width, strong: c.bold, bad: c.red, good: c.green, dim: c.dim };
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
