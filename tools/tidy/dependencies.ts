/** Every package that we depend on has a reason in docs/decisions; every workspace names what it imports. */
import { isBuiltin } from 'node:module';
import { EXCEPTIONS } from './arrows.ts';
import { type File, importsOf, isTest, type Problem, packageOf } from './source.ts';

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

/** External packages that no decision record names in a code span. */
export function unexplained(manifests: readonly File[], decisions: readonly File[]): Problem[] {
  const text = decisions.map((file) => file.text).join('\n');
  return manifests.flatMap(({ path, text: json }) =>
    Object.keys(allOf(JSON.parse(json) as Manifest))
      .filter((name) => !isOurs(name) && !text.includes(`\`${name}\``))
      .map((name) => ({
        path,
        line: 1,
        says: `'${name}' has no line in docs/decisions: say why it is here`,
      })),
  );
}

/** Versions that float: a clone of tomorrow would not be the same. */
export function unpinned(manifests: readonly File[]): Problem[] {
  return manifests.flatMap(({ path, text }) =>
    Object.entries(allOf(JSON.parse(text) as Manifest))
      .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))
      .map(([name, version]) => ({ path, line: 1, says: `'${name}' is '${version}': pin one version` })),
  );
}

/** Imports of packages that the manifest of the workspace does not name. */
export function undeclared(files: readonly File[], manifests: readonly File[]): Problem[] {
  const declared = new Map(
    manifests.map(({ path, text }) => [
      packageOf(path),
      new Set(Object.keys(allOf(JSON.parse(text) as Manifest))),
    ]),
  );
  const ofRoot = declared.get(null) ?? new Set<string>();
  return files.flatMap((file) => {
    const own = declared.get(packageOf(file.path)) ?? ofRoot;
    return importsOf(file).flatMap(({ from, line, typeOnly }) => {
      if (typeOnly || from.startsWith('.') || isBuiltin(from)) return [];
      const name = from.startsWith('@') ? from.split('/', 2).join('/') : (from.split('/', 1)[0] as string);
      if (own.has(name) || (isOurs(name) && EXCEPTIONS[file.path] !== undefined)) return [];
      if ((isTest(file) || packageOf(file.path) === null) && (ofRoot.has(name) || isOurs(name))) return [];
      return [{ path: file.path, line, says: `'${name}' is not among the dependencies of its package.json` }];
    });
  });
}

function allOf({ dependencies, devDependencies, optionalDependencies }: Manifest): Record<string, string> {
  return { ...dependencies, ...devDependencies, ...optionalDependencies };
}

function isOurs(name: string): boolean {
  return name === 'faultline' || name.startsWith('@faultline/');
}
