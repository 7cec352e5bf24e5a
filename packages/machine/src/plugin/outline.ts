/**
 * What a module declares, without running it: its functions with their names in the kernel, what each refers to, the
 * steps, and the statements that another build could leave out. Verbs that answer "where is this?" read it.
 */
import { createHash } from 'node:crypto';
import { parseSync } from 'oxc-parser';
import type { SourceComment } from './comments.ts';
import { type Node, walk } from './walk.ts';

export interface KernelName {
  readonly name: string;
  /** Path in the kernel's tree, '' if the tag names none. */
  readonly file: string;
}

export interface Declaration {
  readonly name: string;
  /** 'task': a generator; 'function': plain code; 'value': anything else; 'member': a named part of one of these. */
  readonly kind: 'task' | 'function' | 'value' | 'member';
  /** It has a place where another CPU may run: a survey sees whether it is reached. */
  readonly visible: boolean;
  /** Of its text, white space and comments aside, and of where the imports that it uses come from. */
  readonly hash: string;
  /** First and last line, the doc comment aside. */
  readonly line: number;
  readonly end: number;
  readonly kernel: readonly KernelName[];
  /** Identifiers that it refers to: locals and properties may be among them, names of imports surely are. */
  readonly refs: readonly string[];
  /** String literals that look like names of scenarios: 'area/what-may-happen'. */
  readonly scenarios: readonly string[];
}

export interface StepPlace {
  readonly name: string;
  readonly kind: 'label' | 'at';
  readonly line: number;
  /** Last line of what the label stands for. */
  readonly end: number;
}

/** A statement that is one visible operation, or one call of a task, and whose result nobody uses. */
export interface PlainStep {
  readonly line: number;
  readonly end: number;
  /** Offset in the text, where a label could be put. */
  readonly at: number;
  /** As written, white space folded. */
  readonly text: string;
}

export interface Outline {
  readonly file: string;
  readonly area: string;
  readonly declarations: readonly Declaration[];
  /** Local name -> module it comes from and its name there ('*' for all of it). */
  readonly imports: Readonly<Record<string, { readonly from: string; readonly name: string }>>;
  /** What is passed on; `names` null for all. */
  readonly passesOn: readonly {
    readonly from: string;
    readonly names: Readonly<Record<string, string>> | null;
  }[];
  readonly steps: readonly StepPlace[];
  readonly plainSteps: readonly PlainStep[];
}

type Named = Node & { readonly name?: string; readonly value?: unknown };

/** Throws a SyntaxError with file and reason for what does not parse. */
export function outline(code: string, file: string): Outline {
  const parsed = parseSync(file, code, { lang: 'ts', sourceType: 'module' });
  const [error] = parsed.errors;
  if (error !== undefined) throw new SyntaxError(`${file}: ${error.message}`);
  const program = parsed.program as unknown as Node & { readonly body: readonly Node[] };
  const lines = lineFinder(code);
  const comments = parsed.comments as SourceComment[];
  const tags = tagsOf(comments);
  const area = /^\s*\/\*\*[\s\S]*?@area (\w+)/.exec(code)?.[1] ?? '';
  const declarations: Declaration[] = [];
  const imports: Record<string, { from: string; name: string }> = {};
  const passesOn: { from: string; names: Record<string, string> | null }[] = [];
  let after = 0;
  for (const node of program.body) {
    if (node.type === 'ImportDeclaration') noteImport(node, imports);
    else if (node.type === 'ExportAllDeclaration') passesOn.push({ from: sourceOf(node), names: null });
    else if (node.type === 'ExportNamedDeclaration' && node.source !== null && node.source !== undefined)
      passesOn.push({ from: sourceOf(node), names: exportedNames(node) });
    else declarations.push(...declared(node, { code, tags, comments, imports, lines, after }));
    after = node.end;
  }
  return { file, area, declarations, imports, passesOn, ...stepsOf(program, code, area, lines) };
}

interface Tag extends SourceComment {
  readonly kernel: readonly KernelName[];
}

interface Around {
  readonly code: string;
  readonly tags: readonly Tag[];
  readonly comments: readonly SourceComment[];
  readonly imports: Outline['imports'];
  readonly lines: (offset: number) => number;
  /** End of the statement before. */
  readonly after: number;
}

/** The names of the kernel in a doc comment: several, where one of our functions stands for several. */
export function kernelNames(comment: string): KernelName[] {
  const found: KernelName[] = [];
  const tag =
    /@kernel\s+((?:struct |enum |union )?[\w>.[\]-]+(?:,\s*[\w>.[\]-]+)*)(?:\s+([\w./-]+\.[chS])\b)?/g;
  for (const [, names = '', file = ''] of comment.matchAll(tag)) {
    for (const name of names.split(/,\s*/))
      found.push({ name: name.replace(/^(struct|enum|union) /, ''), file });
  }
  return found;
}

function tagsOf(comments: readonly SourceComment[]): Tag[] {
  return comments
    .filter(({ type, value }) => type === 'Block' && value.includes('@kernel'))
    .map((comment) => ({ ...comment, kernel: kernelNames(comment.value) }));
}

function declared(node: Node, { code, tags, comments, imports, lines, after }: Around): Declaration[] {
  const inner = (node.type === 'ExportNamedDeclaration' ? node.declaration : node) as Node | null;
  if (inner === null) return [];
  const [first, ...others] = namesOf(inner);
  if (first === undefined) return [];
  const own = tags.filter(({ start, end }) => start >= after && end <= node.start);
  const refs = new Set<string>();
  const scenarios = new Set<string>();
  walk(inner, (at, ancestors) => note(at as Named, ancestors, refs, scenarios));
  let visible = false;
  walk(inner, (at) => {
    if (at.type === 'YieldExpression') visible = true;
  });
  const from = [...refs].flatMap((ref) => Object.entries(imports[ref] ?? {}).flat());
  const text = withoutComments(code, node, comments).replace(/\s+/g, ' ');
  const hash = createHash('sha256').update(text).update(from.join(' ')).digest('hex').slice(0, 12);
  const shared = {
    visible,
    hash,
    line: lines(node.start),
    end: lines(node.end - 1),
    refs: [...refs],
    scenarios: [...scenarios],
  };
  const kind: Declaration['kind'] =
    inner.type !== 'FunctionDeclaration' ? 'value' : inner.generator === true ? 'task' : 'function';
  const members = tags
    .filter(({ start, end }) => start > node.start && end < node.end)
    .map(({ end, kernel }): Declaration => {
      const name = /^\s*(?:readonly |async |\*|\w+ )*\s*(\w+)/.exec(code.slice(end, end + 200))?.[1] ?? first;
      const line = lines(end);
      return {
        name,
        kind: 'member',
        visible: false,
        hash: '',
        line,
        end: line,
        kernel,
        refs: [],
        scenarios: [],
      };
    });
  return [
    { name: first, kind, kernel: own.flatMap(({ kernel }) => kernel), ...shared },
    ...others.map((name): Declaration => ({ name, kind, kernel: [], ...shared })),
    ...members,
  ];
}

function withoutComments(code: string, { start, end }: Node, comments: readonly SourceComment[]): string {
  let text = '';
  let at = start;
  for (const comment of comments) {
    if (comment.start < at || comment.end > end) continue;
    text += code.slice(at, comment.start);
    at = comment.end;
  }
  return text + code.slice(at, end);
}

function note(node: Named, ancestors: readonly Node[], refs: Set<string>, scenarios: Set<string>): void {
  if (node.type === 'Literal' && typeof node.value === 'string') {
    if (/^[a-z0-9]+\/[a-z0-9]+(-[a-z0-9]+)*$/.test(node.value)) scenarios.add(node.value);
    return;
  }
  if (node.type !== 'Identifier' || node.name === undefined) return;
  const parent = ancestors.at(-1) as (Node & { property?: unknown; key?: unknown }) | undefined;
  const isName = parent?.computed !== true && parent?.shorthand !== true;
  if (isName && (parent?.property === node || parent?.key === node)) return;
  refs.add(node.name);
}

function namesOf(node: Node): string[] {
  if (node.type === 'VariableDeclaration') {
    return (node.declarations as { id: Named }[]).flatMap(({ id }) =>
      id.name === undefined ? [] : [id.name],
    );
  }
  const name = (node.id as Named | null | undefined)?.name;
  const isCode = /^(FunctionDeclaration|ClassDeclaration|TSEnumDeclaration)$/.test(node.type);
  return isCode && name !== undefined ? [name] : [];
}

function noteImport(node: Node, imports: Record<string, { from: string; name: string }>): void {
  if (node.importKind === 'type') return;
  for (const one of node.specifiers as (Node & { local: Named; imported?: Named; importKind?: string })[]) {
    if (one.importKind === 'type' || one.local.name === undefined) continue;
    imports[one.local.name] = { from: sourceOf(node), name: one.imported?.name ?? '*' };
  }
}

function exportedNames(node: Node): Record<string, string> {
  const names: Record<string, string> = {};
  for (const one of node.specifiers as (Node & { local: Named; exported: Named })[]) {
    if (one.exported.name !== undefined && one.local.name !== undefined)
      names[one.exported.name] = one.local.name;
  }
  return names;
}

function sourceOf(node: Node): string {
  return String((node.source as Named).value);
}

function stepsOf(program: Node, code: string, area: string, lines: (offset: number) => number) {
  const steps: StepPlace[] = [];
  const plainSteps: PlainStep[] = [];
  walk(program, (node, ancestors) => {
    const place = { line: lines(node.start), end: lines(node.end - 1) };
    if (node.type === 'LabeledStatement') {
      const { name = '' } = node.label as Named;
      if (name.includes('_')) steps.push({ name: `${area}.${name}`, kind: 'label', ...place });
    } else if (node.type === 'CallExpression' && (node.callee as Named).name === 'at') {
      const [named] = node.arguments as Named[];
      if (typeof named?.value === 'string') steps.push({ name: named.value, kind: 'at', ...place });
    } else if (node.type === 'ExpressionStatement' && ancestors.at(-1)?.type !== 'LabeledStatement') {
      const inner = node.expression as Node;
      if (inner.type !== 'YieldExpression' || inner.delegate !== true) return;
      const text = code.slice(node.start, node.end).replace(/\s+/g, ' ');
      plainSteps.push({ ...place, at: node.start, text });
    }
  });
  return { steps, plainSteps };
}

/** Offset -> line, from 1. */
function lineFinder(code: string): (offset: number) => number {
  const starts = [0];
  for (let i = 0; i < code.length; i++) if (code.charCodeAt(i) === 10) starts.push(i + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}
