/** The shape of a file: how long, what it exports and how. */
import ts from 'typescript';
import { each, type File, importsOf, lineOf, type Problem, parse } from './source.ts';

export const MAX_FILE_LINES = 500;
export const MAX_FUNCTION_LINES = 70;

/** Files that re-export on purpose: the entries that a package.json names, relative to the root. */
export function entries(manifests: readonly File[]): Set<string> {
  const found = new Set<string>();
  for (const { path: file, text } of manifests) {
    const { exports = {} } = JSON.parse(text) as { exports?: Record<string, string> };
    const folder = file.slice(0, file.lastIndexOf('/') + 1);
    for (const target of Object.values(exports)) found.add(folder + target.replace(/^\.\//, ''));
  }
  return found;
}

export function tooLong(file: File): Problem[] {
  const problems: Problem[] = [];
  const tree = parse(file);
  const lines = file.text.split('\n').length - 1;
  if (lines > MAX_FILE_LINES) {
    problems.push({
      path: file.path,
      line: MAX_FILE_LINES,
      says: `${lines} lines; a file has at most ${MAX_FILE_LINES}`,
    });
  }
  each(tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    const first = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line;
    const length = tree.getLineAndCharacterOfPosition(node.getEnd()).line - first + 1;
    if (length <= MAX_FUNCTION_LINES) return;
    const says = `a function of ${length} lines; at most ${MAX_FUNCTION_LINES}`;
    problems.push({ path: file.path, line: first + 1, says });
  });
  return problems;
}

export function defaultExports(file: File): Problem[] {
  const problems: Problem[] = [];
  const tree = parse(file);
  const add = (node: ts.Node) =>
    problems.push({ path: file.path, line: lineOf(tree, node), says: 'a default export: give it a name' });
  for (const node of tree.statements) {
    if (ts.isExportAssignment(node)) add(node);
    else if (
      ts.canHaveModifiers(node) &&
      ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword)
    )
      add(node);
    else if (ts.isExportDeclaration(node) && node.exportClause && ts.isNamedExports(node.exportClause))
      for (const element of node.exportClause.elements) if (element.name.text === 'default') add(element);
  }
  return problems;
}

/** Re-exports outside the entries of packages: import from where a thing is. */
export function barrels(file: File, entry: ReadonlySet<string>): Problem[] {
  if (entry.has(file.path)) return [];
  return importsOf(file)
    .filter(({ isExport }) => isExport)
    .map(({ from, line }) => ({
      path: file.path,
      line,
      says: `re-exports '${from}': only the entry of a package does`,
    }));
}
