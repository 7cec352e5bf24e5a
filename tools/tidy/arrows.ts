/** Dependencies point one way, packages are imported by name, and the folder list is the architecture. */
import path from 'node:path';
import { type File, importsOf, isTest, type Problem, packageOf } from './source.ts';

/** package -> packages of ours that it may import. */
export const ARROWS: Readonly<Record<string, readonly string[]>> = {
  machine: [],
  lockdep: [],
  kvm: ['machine'],
  scenarios: ['kvm', 'machine'],
  explore: ['machine'],
  threads: ['machine'],
  cli: ['explore', 'kvm', 'lockdep', 'machine', 'scenarios', 'threads'],
};

/**
 * Single imports against the arrows, each with its reason. The bundle that runs in a worker is the one place where
 * the threads platform meets the catalogue.
 */
export const EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  'packages/threads/src/worker.ts': ['scenarios'],
};

/** Imports that go against the arrows, reach into another package, or leave out the suffix. */
export function wrongImports(files: readonly File[]): Problem[] {
  return files.flatMap((file) => {
    const own = packageOf(file.path);
    return importsOf(file).flatMap(({ from, line }) => {
      const says = from.startsWith('.') ? relative(file, from, own) : named(file, from, own);
      return says === null ? [] : [{ path: file.path, line, says }];
    });
  });
}

function relative(file: File, from: string, own: string | null): string | null {
  if (!/\.(ts|tsx|js|mjs|json)$/.test(from)) return `'${from}' lacks its suffix: relative imports end in .ts`;
  const target = path.posix.join(path.posix.dirname(file.path), from);
  const other = packageOf(target);
  if (own !== null && other !== own && !isTest(file))
    return `'${from}' leaves the package: import packages by name`;
  return null;
}

function named(file: File, from: string, own: string | null): string | null {
  const other = /^@faultline\/([^/]+)/.exec(from)?.[1] ?? (from === 'faultline' ? 'cli' : undefined);
  if (own === null || other === undefined) return null;
  if (other === own) return `imports its own package by name: use a relative import`;
  if (isTest(file) || EXCEPTIONS[file.path]?.includes(other)) return null;
  const allowed = ARROWS[own];
  if (allowed === undefined)
    return `package '${own}' is not in the list of packages: add it to ARROWS and to the design`;
  return allowed.includes(other) ? null : `'${own}' may not import '${other}': arrows point only downward`;
}

/** Cycles of imports that run (types aside), each once, as 'a.ts -> b.ts -> a.ts'. */
export function importCycles(files: readonly File[]): string[] {
  const known = new Map(files.map((file) => [file.path, file]));
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (at: string, trail: readonly string[]): void => {
    if (state.get(at) === 'done') return;
    if (state.get(at) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(at)), at].join(' -> '));
      return;
    }
    state.set(at, 'open');
    for (const { from, typeOnly } of importsOf(known.get(at) as File)) {
      if (typeOnly || !from.startsWith('.')) continue;
      const target = path.posix.join(path.posix.dirname(at), from);
      if (known.has(target)) visit(target, [...trail, at]);
    }
    state.set(at, 'done');
  };
  for (const file of files) visit(file.path, []);
  return cycles;
}
