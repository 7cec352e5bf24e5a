/**
 * One source, two builds.
 *
 * Explored: `yield* f()` becomes `yield atSite(f(), n)`, so that the driver keeps the task stack and knows where each
 * yield stands; a labelled statement runs only while its step is on.
 * Threads: `function*` and `yield*` disappear, and so do labels; steps listed in `without` disappear with their statement.
 *
 * What the transform does not understand it refuses, with file and line.
 */
import MagicString from 'magic-string';
import { parseSync } from 'oxc-parser';
import { autoSite } from './auto.ts';
import { kernelNameOf, type SourceComment } from './comments.ts';
import { TransformError } from './error.ts';
import { type Node, walk } from './walk.ts';

export interface TransformOptions {
  readonly platform: 'explored' | 'threads';
  /** Steps to leave out of a threads build. */
  readonly without?: ReadonlySet<string>;
  /** Names to replace: exported function -> module that exports its replacement (see variant.ts). */
  readonly replaced?: ReadonlyMap<string, string>;
  /** Explored builds: every atomic, fence and lock that has no name becomes a step of its own. */
  readonly auto?: boolean;
}

export interface Transformed {
  readonly code: string;
  readonly map: string;
}

/** Transforms one module. `file` is its path in the project, for sites and errors. Returns null if nothing is to do. */
export function transform(code: string, file: string, options: TransformOptions): Transformed | null {
  const replaced = options.replaced ?? new Map<string, string>();
  if (!/\byield\b|\bfunction\s*\*|\bat\(/.test(code) && replaced.size === 0) return null;
  const parsed = parseSync(file, code, { lang: 'ts', sourceType: 'module' });
  const [error] = parsed.errors;
  if (error !== undefined) throw new TransformError(file, 1, error.message);
  const module = new Module(code, file, options, parsed.comments as SourceComment[]);
  walk(parsed.program as unknown as Node, (node, ancestors) => module.visit(node, ancestors));
  return module.finish(replaced);
}

type SiteRow = [line: number, fn: string, text: string, label: string];

class Module {
  private readonly out: MagicString;
  private readonly sites: SiteRow[] = [];
  private readonly steps = new Map<string, string>();
  /** Sites named by this build, and whether there are any. */
  private readonly autos = new Map<string, number>();
  private usesReach = false;
  private readonly area: string;
  private readonly lineStarts: number[] = [0];
  /** End of the statement left out last: nothing inside it is to be transformed. */
  private removedTo = 0;

  constructor(
    private readonly code: string,
    private readonly file: string,
    private readonly options: TransformOptions,
    private readonly comments: readonly SourceComment[],
  ) {
    this.out = new MagicString(code);
    this.area = /^\s*\/\*\*[\s\S]*?@area (\w+)/.exec(code)?.[1] ?? '';
    for (let i = 0; i < code.length; i++) if (code.charCodeAt(i) === 10) this.lineStarts.push(i + 1);
  }

  visit(node: Node, ancestors: readonly Node[]): void {
    if (node.start < this.removedTo) return;
    if (node.type === 'YieldExpression') this.yielded(node, ancestors);
    else if (node.type === 'LabeledStatement') this.labelled(node);
    else if (node.type === 'CallExpression') this.named(node);
    else if (node.generator === true) this.generator(node, ancestors);
  }

  private yielded(node: Node, ancestors: readonly Node[]): void {
    const argument = node.argument as Node | null;
    if (node.delegate !== true || argument === null) {
      throw this.refuse(node, 'plain `yield` in a task; only `yield* task` marks where another CPU may run');
    }
    if (this.options.platform === 'threads') {
      this.out.remove(node.start, argument.start);
      return;
    }
    const id = this.sites.length;
    const text = this.code.slice(argument.start, argument.end).replace(/\s+/g, ' ');
    this.sites.push([this.lineOf(node.start), this.functionName(ancestors), text, labelAround(ancestors)]);
    if (this.options.auto === true) this.automatic(argument, ancestors);
    this.out.update(node.start, argument.start, 'yield $y(');
    this.out.appendLeft(argument.end, `, $b + ${id})`);
  }

  /** Its step as one more argument: weakened then like one that was named by hand. */
  private automatic(call: Node, ancestors: readonly Node[]): void {
    const site = autoSite(call, this.code);
    if (site === null) return;
    const base = `auto:${this.area}:${this.file}#${this.functionName(ancestors)}:${site.text}`;
    const times = (this.autos.get(base) ?? 0) + 1;
    this.autos.set(base, times);
    const name = site.paired || times === 1 ? base : `${base} (${times})`;
    this.usesReach = true;
    const variable = this.stepVariable(name, 'auto', call.start);
    this.out.appendLeft(site.position, `${site.comma ? ', ' : ''}$u(${variable})`);
  }

  private labelled(node: Node): void {
    const label = (node.label as Node & { name: string }).name;
    const body = node.body as Node;
    if (isLoop(body) && jumpsTo(body, label)) return;
    if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)+$/.test(label)) {
      throw this.refuse(node, `label '${label}' names a step, so it is snake case with at least two words`);
    }
    if (this.area === '') {
      throw this.refuse(
        node,
        `step '${label}' needs an area: begin the file with a comment that says '@area NAME'`,
      );
    }
    const step = `${this.area}.${label}`;
    if (this.options.platform === 'threads') {
      if (this.options.without?.has(step)) {
        this.out.overwrite(node.start, node.end, ';');
        this.removedTo = node.end;
      } else {
        this.out.remove(node.start, body.start);
      }
      return;
    }
    const guard = this.stepVariable(step, 'label', node.start);
    this.out.overwrite(node.start, body.start, `{ if (!${guard}.off) `);
    this.out.appendLeft(node.end, ' }');
  }

  private named(node: Node): void {
    const callee = node.callee as Node & { name?: string };
    if (callee.type !== 'Identifier' || callee.name !== 'at') return;
    const [argument] = node.arguments as (Node & { value?: unknown })[];
    if (argument?.type !== 'Literal' || typeof argument.value !== 'string') {
      throw this.refuse(node, "at() takes the step's name as a string literal");
    }
    this.out.overwrite(node.start, node.end, this.stepVariable(argument.value, 'at', node.start));
  }

  private generator(node: Node, ancestors: readonly Node[]): void {
    if (node.async === true) throw this.refuse(node, 'an async generator cannot be a task');
    if (this.options.platform === 'explored') return;
    const parent = ancestors.at(-1);
    const isMethod =
      parent !== undefined &&
      (parent.type === 'MethodDefinition' || (parent.type === 'Property' && parent.method === true));
    const from = isMethod ? parent.start : node.start;
    const star = this.code.indexOf('*', isMethod ? this.skipComments(from, parent.key as Node) : from);
    if (star < 0 || star > (node.body as Node).start)
      throw this.refuse(node, "cannot find the '*' of this generator");
    this.out.remove(star, star + 1);
  }

  /** A method's star stands right before its key. */
  private skipComments(from: number, key: Node): number {
    const star = this.code.lastIndexOf('*', key.start);
    return Math.max(star, from);
  }

  private stepVariable(step: string, kind: string, position: number): string {
    const known = this.steps.get(step);
    if (known !== undefined) return known.slice(0, known.indexOf('='));
    const variable = `$s${this.steps.size}`;
    const site = `${this.file}:${this.lineOf(position)}`;
    this.steps.set(step, `${variable}=$n(${JSON.stringify(step)},'${kind}',${JSON.stringify(site)})`);
    return variable;
  }

  finish(replaced: ReadonlyMap<string, string>): Transformed {
    const head = [
      `import { atSite as $y, ${this.usesReach ? 'reach as $u, ' : ''}registerSites as $r, stepNamed as $n } from '@faultline/machine/runtime';`,
    ];
    for (const step of this.steps.values()) head.push(`const ${step};`);
    if (this.sites.length > 0)
      head.push(`const $b=$r(${JSON.stringify(this.file)},${JSON.stringify(this.sites)});`);
    for (const [name, module] of replaced) {
      const declaration = new RegExp(`export function\\*? ${name}\\b`).exec(this.code);
      if (declaration === null)
        throw new TransformError(this.file, 1, `exports no function '${name}' to replace`);
      const at = declaration.index;
      this.out.overwrite(at, at + 'export function'.length, 'function');
      const id = at + declaration[0].length - name.length;
      this.out.overwrite(id, id + name.length, `${name}$replaced`);
      head.push(`import { ${name} } from ${JSON.stringify(module)}; export { ${name} };`);
    }
    this.out.prepend(`${head.join('')}`);
    return {
      code: this.out.toString(),
      // The bundler takes a source's path from the module that the map belongs to.
      map: this.out
        .generateMap({ source: this.file.replace(/^.*[\\/]/, ''), hires: 'boundary', includeContent: true })
        .toString(),
    };
  }

  private functionName(ancestors: readonly Node[]): string {
    for (let i = ancestors.length - 1; i >= 0; i--) {
      const node = ancestors[i] as Node;
      if (node.generator !== true) continue;
      const parent = ancestors[i - 1];
      const named = (node.id ?? parent?.key) as { name?: string } | null | undefined;
      const start =
        parent?.type === 'ExportNamedDeclaration' || parent?.type === 'MethodDefinition'
          ? parent.start
          : node.start;
      return kernelNameOf(this.comments, this.code, start) ?? named?.name ?? '';
    }
    return '';
  }

  private lineOf(position: number): number {
    let low = 0;
    let high = this.lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.lineStarts[middle] as number) <= position) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  }

  private refuse(node: Node, reason: string): TransformError {
    return new TransformError(this.file, this.lineOf(node.start), reason);
  }
}

function labelAround(ancestors: readonly Node[]): string {
  for (let i = ancestors.length - 1; i >= 0; i--) {
    const node = ancestors[i] as Node;
    if (node.type === 'LabeledStatement') return (node.label as Node & { name: string }).name;
    if (node.generator === true) return '';
  }
  return '';
}

function isLoop(node: Node): boolean {
  return /^(For|While|DoWhile)/.test(node.type);
}

function jumpsTo(body: Node, label: string): boolean {
  let found = false;
  walk(body, (node) => {
    if (node.type !== 'BreakStatement' && node.type !== 'ContinueStatement') return;
    const target = node.label as (Node & { name: string }) | null;
    if (target?.name === label) found = true;
  });
  return found;
}
