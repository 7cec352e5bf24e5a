/** What the tidy rules look at: the project's own files, parsed once, and how they report. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

export const ROOT = path.resolve(import.meta.dirname, '../..');

/** A file as rules see it. `path` is relative to the root, with forward slashes. */
export interface File {
  readonly path: string;
  readonly text: string;
}

export interface Problem {
  readonly path: string;
  readonly line: number;
  readonly says: string;
}

const SKIPPED = new Set(['node_modules', '.git', 'coverage', '.faultline', 'dist']);

/** Every text file of the project whose name ends in one of `endings`, sorted. */
export function projectFiles(...endings: readonly string[]): File[] {
  const found: string[] = [];
  collect(ROOT, found);
  return found
    .map((file) => path.relative(ROOT, file).split(path.sep).join('/'))
    .filter((file) => endings.some((ending) => file.endsWith(ending)))
    .sort()
    .map((file) => ({ path: file, text: readFileSync(path.join(ROOT, file), 'utf8') }));
}

/** All code: TypeScript and the few JavaScript files. Fixtures are wrong on purpose. */
export function codeFiles(): File[] {
  return projectFiles('.ts', '.tsx', '.js', '.mjs').filter((file) => !/\/fixtures\//.test(file.path));
}

export function isTest(file: File): boolean {
  return /\.test\.tsx?$/.test(file.path);
}

/** The package that a file belongs to: 'kvm'; null outside `packages`. */
export function packageOf(file: string): string | null {
  return /^packages\/([^/]+)\//.exec(file)?.[1] ?? null;
}

const parsed = new WeakMap<File, ts.SourceFile>();

export function parse(file: File): ts.SourceFile {
  let tree = parsed.get(file);
  if (tree === undefined) {
    tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
    parsed.set(file, tree);
  }
  return tree;
}

export interface Import {
  readonly from: string;
  readonly line: number;
  /** Erased: `import type`, `export type`. */
  readonly typeOnly: boolean;
  readonly isExport: boolean;
}

/** Static and dynamic imports, and re-exports. */
export function importsOf(file: File): Import[] {
  const found: Import[] = [];
  const tree = parse(file);
  const add = (literal: ts.Node | undefined, typeOnly: boolean, isExport: boolean): void => {
    if (literal === undefined || !ts.isStringLiteral(literal)) return;
    found.push({ from: literal.text, line: lineOf(tree, literal), typeOnly, isExport });
  };
  each(tree, (node) => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, node.importClause?.isTypeOnly === true, false);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false, false);
  });
  return found;
}

/** Visits every node below `root`, outermost first. */
export function each(root: ts.Node, visit: (node: ts.Node) => void): void {
  const go = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, go);
  };
  ts.forEachChild(root, go);
}

export function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
}

/** One line a problem, so that a failing test shows them all. */
export function show(problems: readonly Problem[]): string[] {
  return problems.map(({ path: file, line, says }) => `${file}:${line}: ${says}`);
}

function collect(folder: string, into: string[]): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue;
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) collect(file, into);
    else if (entry.isFile()) into.push(file);
  }
}
