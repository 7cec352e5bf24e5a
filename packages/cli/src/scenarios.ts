/** Finding scenarios: in a module, by name, and near misses of a name. */
import type { AnyScenario } from '@faultline/machine';
import { UsageError } from './exit.ts';

/** Every scenario that a module exports, alone or in lists, in the order of export. */
export function scenariosOf(module: Readonly<Record<string, unknown>>): AnyScenario[] {
  const found = new Set<AnyScenario>();
  for (const exported of Object.values(module)) {
    for (const one of Array.isArray(exported) ? exported : [exported]) if (isScenario(one)) found.add(one);
  }
  return [...found];
}

/** The area of a scenario, mutant or step: what stands before the slash or the dot. */
export function areaOf(name: string): string {
  return name.split(/[/.]/, 1)[0] as string;
}

/** What the scenarios are wanted for. */
export type Use = 'explorer' | 'threads';

/**
 * The scenarios that the arguments name, each an area or a scenario; all of them for none. Deep scenarios run only when
 * they are named themselves. Throws a UsageError with near names for one that is neither, and for one that cannot be
 * used like that.
 */
export function select(
  all: readonly AnyScenario[],
  names: readonly string[],
  use: Use = 'explorer',
): AnyScenario[] {
  if (names.length === 0) return all.filter((s) => isDefault(s, use));
  const chosen = new Set<AnyScenario>();
  for (const name of names) {
    const exact = all.find((s) => s.name === name);
    if (exact !== undefined) {
      if (use === 'explorer' && exact.threadsOnly !== undefined) {
        throw new UsageError(
          `${name} runs on threads only: ${exact.threadsOnly}; use 'faultline stress ${name}'`,
        );
      }
      chosen.add(exact);
      continue;
    }
    const inArea = all.filter((s) => areaOf(s.name) === name);
    if (inArea.length === 0) throw new UsageError(unknown(name, all));
    for (const s of inArea) if (isDefault(s, use)) chosen.add(s);
  }
  return [...chosen];
}

function isDefault(scenario: AnyScenario, use: Use): boolean {
  return scenario.threadsOnly !== undefined ? use === 'threads' : scenario.deep !== true;
}

/** The names nearest to `name`, best first, at most three; none if all are far. */
export function near(name: string, names: readonly string[]): string[] {
  const limit = Math.max(2, Math.floor(name.length / 2));
  return names
    .map((candidate) => ({ candidate, distance: distanceTo(name, candidate) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** 'a, b or c' */
export function either(names: readonly string[]): string {
  const quoted = names.map((name) => `'${name}'`);
  const last = quoted.pop();
  return quoted.length === 0 ? String(last) : `${quoted.join(', ')} or ${last}`;
}

function unknown(name: string, all: readonly AnyScenario[]): string {
  const areas = [...new Set(all.map((s) => areaOf(s.name)))].sort();
  const close = near(name, [...areas, ...all.map((s) => s.name)]);
  const hint = close.length > 0 ? ` Did you mean ${either(close)}?` : '';
  return `no scenario, area or file '${name}'.${hint}\nAreas: ${areas.join(' ')}. 'npx faultline list' shows all scenarios; a file is a path that ends in .ts.`;
}

function isScenario(value: unknown): value is AnyScenario {
  if (typeof value !== 'object' || value === null) return false;
  const { name, setup, threads, always } = value as Partial<AnyScenario>;
  return (
    typeof name === 'string' &&
    typeof setup === 'function' &&
    typeof threads === 'object' &&
    typeof always === 'object'
  );
}

/** Edits between two names; a name that holds the other, or shares its last part, is near. */
function distanceTo(a: string, b: string): number {
  if (b.includes(a)) return 1;
  const tail = b.slice(b.indexOf('/') + 1);
  return Math.min(edits(a, b), edits(a.slice(a.indexOf('/') + 1), tail) + 1);
}

function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
