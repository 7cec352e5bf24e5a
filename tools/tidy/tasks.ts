/**
 * The rules of tasks, by the type checker: one source is built twice, and the threads build erases `yield*`, so a task
 * may stand only where it is run at once. See docs/decisions and the doc comment of `Task`.
 */
import path from 'node:path';
import ts from 'typescript';
import { type File, isTest, lineOf, type Problem, ROOT } from './source.ts';

/** Where tasks live. The build plugin is not part of what runs. */
export function holdsTasks(file: File): boolean {
  return /^packages\/(machine|kvm|scenarios)\/(src|variants)\/(?!plugin\/)/.test(file.path) && !isTest(file);
}

/** Make operations rather than run them: what they build is returned to whoever yields it. */
const MAKERS: Readonly<Record<string, 'anything' | 'build'>> = {
  'packages/machine/src/op.ts': 'anything',
  'packages/machine/src/platform.ts': 'anything',
  'packages/machine/src/cell.ts': 'build',
  'packages/machine/src/locks.ts': 'build',
  // A driver: it is given the task that it runs.
  'packages/kvm/src/run-alone.ts': 'anything',
};

/** Checks `files` together with everything that they import. */
export function wrongTasks(files: readonly File[]): Problem[] {
  const program = programOf(files);
  const checker = program.getTypeChecker();
  return files.flatMap((file) => {
    const tree = program.getSourceFile(path.join(ROOT, file.path));
    return tree === undefined ? [] : new Checker(file, tree, checker).problems();
  });
}

class Checker {
  private readonly found: Problem[] = [];
  private readonly maker: 'anything' | 'build' | undefined;

  constructor(
    private readonly file: File,
    private readonly tree: ts.SourceFile,
    private readonly checker: ts.TypeChecker,
  ) {
    this.maker = MAKERS[file.path];
  }

  problems(): Problem[] {
    if (this.maker !== 'anything') this.visit(this.tree);
    return this.found;
  }

  private visit(node: ts.Node): void {
    if (ts.isTypeNode(node)) return;
    if (ts.isYieldExpression(node)) this.yielded(node);
    else if (ts.isTryStatement(node)) this.tried(node);
    else if (isGenerator(node)) this.generator(node);
    if (isValue(node) && this.isTask(this.checker.getTypeAtLocation(node))) this.placed(node);
    ts.forEachChild(node, (child) => this.visit(child));
  }

  private yielded(node: ts.YieldExpression): void {
    if (node.asteriskToken === undefined) {
      this.add(node, 'plain `yield`: only `yield* task` marks where another CPU may run');
    } else if (node.expression !== undefined) {
      const type = this.checker.getTypeAtLocation(node.expression);
      if (!this.isTask(type) && (type.flags & ts.TypeFlags.Never) === 0)
        this.add(node, 'operand of `yield*` is not a task');
    }
  }

  private tried(node: ts.TryStatement): void {
    if (node.finallyBlock !== undefined && holdsYield(node)) {
      this.add(node, '`finally` around a `yield*`: an execution that is dropped would run it');
    }
  }

  private generator(node: ts.FunctionLikeDeclaration): void {
    const signature = this.checker.getSignatureFromDeclaration(node);
    if (signature === undefined) return;
    const returned = this.checker.getReturnTypeOfSignature(signature);
    if (!this.isTask(returned)) this.add(node, 'a generator that is not a task: return type Task<...>');
  }

  /** A value of type Task: it must be what a `yield*` runs. */
  private placed(node: ts.Expression): void {
    let at: ts.Node = node;
    while (ts.isParenthesizedExpression(at.parent)) at = at.parent;
    const { parent } = at;
    if (ts.isYieldExpression(parent) && parent.asteriskToken !== undefined) return;
    if (this.maker === 'build' && isBuilding(parent)) return;
    this.add(node, `a task that is not run where it stands (${whereTo(parent)}): write \`yield* ...\``);
  }

  private isTask(type: ts.Type): boolean {
    if (type.isUnion()) return type.types.some((t) => this.isTask(t));
    if ((type.flags & ts.TypeFlags.Object) === 0 || type.getSymbol()?.name !== 'Generator') return false;
    const [yields] = this.checker.getTypeArguments(type as ts.TypeReference);
    return yields?.getSymbol()?.name === 'Visible' || yields?.aliasSymbol?.name === 'Visible';
  }

  private add(node: ts.Node, says: string): void {
    this.found.push({ path: this.file.path, line: lineOf(this.tree, node), says });
  }
}

/** Expressions that give a value: calls and names, but neither declarations nor the names of properties. */
function isValue(node: ts.Node): node is ts.Expression {
  if (ts.isCallExpression(node) || ts.isNewExpression(node) || ts.isConditionalExpression(node)) return true;
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) return true;
  if (!ts.isIdentifier(node)) return false;
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) return false;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  const declared = (parent as Partial<ts.NamedDeclaration>).name === node;
  return !declared && !ts.isLabeledStatement(parent) && !ts.isImportOrExportSpecifier(parent);
}

function isGenerator(
  node: ts.Node,
): node is ts.FunctionDeclaration | ts.FunctionExpression | ts.MethodDeclaration {
  return (
    (ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node) || ts.isMethodDeclaration(node)) &&
    node.asteriskToken !== undefined
  );
}

function holdsYield(node: ts.Node): boolean {
  let found = false;
  const go = (child: ts.Node): void => {
    if (found || ts.isFunctionLike(child)) return;
    if (ts.isYieldExpression(child)) found = true;
    else ts.forEachChild(child, go);
  };
  ts.forEachChild(node, go);
  return found;
}

/** `return platform.load(...)`, or a list operation that is begun, filled and ended. */
function isBuilding(parent: ts.Node): boolean {
  if (ts.isReturnStatement(parent) || ts.isVariableDeclaration(parent)) return true;
  return ts.isCallExpression(parent) && /^platform\./.test(parent.expression.getText());
}

function whereTo(parent: ts.Node): string {
  if (ts.isExpressionStatement(parent)) return 'forgotten';
  if (ts.isReturnStatement(parent) || ts.isArrowFunction(parent)) return 'returned';
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) return 'stored';
  if (ts.isForOfStatement(parent) || ts.isSpreadElement(parent)) return 'used as an iterator';
  if (ts.isPropertyAccessExpression(parent)) return 'used as an object';
  if (ts.isCallExpression(parent)) return 'passed on';
  return 'kept';
}

/** The program over the project; `files` may be inventions that are not on disk. */
function programOf(files: readonly File[]): ts.Program {
  const config = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
  const host = ts.createCompilerHost(options, true);
  const given = new Map(files.map((file) => [path.join(ROOT, file.path), file.text]));
  const { readFile, fileExists } = host;
  host.readFile = (name) => given.get(name) ?? readFile.call(host, name);
  host.fileExists = (name) => given.has(name) || fileExists.call(host, name);
  const inner = host.getSourceFile.bind(host);
  host.getSourceFile = (name, language, ...rest) => {
    const text = given.get(name);
    return text === undefined
      ? inner(name, language, ...rest)
      : ts.createSourceFile(name, text, language, true);
  };
  return ts.createProgram({ rootNames: [...given.keys()], options, host });
}
