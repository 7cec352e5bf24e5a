/**
 * The table of names: what the kernel calls each function, where it is here, and what is known of it: steps, mutants, the
 * scenarios whose executions pass through it, and what is held there in them.
 */
import { readFileSync } from 'node:fs';
import type { Survey } from '@faultline/explore';
import type { AnyScenario } from '@faultline/machine';
import type { KernelName, Outline, StepPlace } from '@faultline/machine/plugin';
import type { Mutant } from '@faultline/scenarios';
import { loadCatalogue } from '../catalogue.ts';
import { host } from '../host.ts';
import type { Pool } from '../run/pool.ts';
import { Graph, idOf, type Place } from './graph.ts';
import { outlines, plugin } from './outlines.ts';
import { surveys } from './surveys.ts';

/** One of our functions, and what the kernel calls it. */
export interface Entry {
  readonly place: Place;
  /** Names in the kernel; none for a helper of ours. */
  readonly kernel: readonly KernelName[];
  /** Named statements inside it. */
  readonly steps: readonly StepPlace[];
  /** Mutants that change it: with one of its steps off, or replaced by a variant. */
  readonly mutants: readonly Mutant[];
  readonly reach: readonly Reach[];
}

/** A scenario some of whose executions pass through a function. */
export interface Reach {
  readonly scenario: string;
  /** Executions that were looked at; all of them if `exhaustive`. */
  readonly executions: number;
  readonly exhaustive: boolean;
  /** Held whenever a thread stood in the function, and held at times. */
  readonly always: readonly string[];
  readonly atTimes: readonly string[];
}

export class Table {
  private readonly byName = new Map<string, Place[]>();

  constructor(
    readonly outlines: ReadonlyMap<string, Outline>,
    readonly graph: Graph,
    readonly surveys: Map<string, Survey>,
    readonly scenarios: readonly AnyScenario[],
    private readonly mutants: readonly Mutant[],
    /** Variant -> what it replaces, as ids of the graph. */
    private readonly replaced: ReadonlyMap<string, readonly string[]>,
  ) {
    for (const { file, declarations } of outlines.values()) {
      if (!isSystem(file)) continue;
      for (const declaration of declarations) {
        const place = { file, declaration };
        for (const { name } of declaration.kernel) this.add(name, place);
        if (declaration.kind !== 'member') this.add(declaration.name, place);
      }
    }
  }

  /** Every name that `find` knows, the kernel's and ours. */
  get names(): string[] {
    return [...this.byName.keys()];
  }

  /** Whether the kernel has this name, as far as the table knows. */
  hasKernelName(name: string): boolean {
    return (this.byName.get(name) ?? []).some(({ declaration }) =>
      declaration.kernel.some((k) => k.name === name),
    );
  }

  /** What has this name in the kernel; if nothing has, what has it here. */
  find(name: string): Entry[] {
    const places = this.byName.get(name) ?? [];
    const theirs = places.filter(({ declaration }) => declaration.kernel.some((k) => k.name === name));
    return (theirs.length > 0 ? theirs : places).map((place) => this.entry(place));
  }

  entry(place: Place): Entry {
    const { file, declaration } = place;
    const outline = this.outlines.get(file) as Outline;
    const steps = outline.steps.filter(({ line }) => line >= declaration.line && line <= declaration.end);
    const names = new Set(steps.map(({ name }) => name));
    const id = idOf(place);
    const mutants = this.mutants.filter(
      ({ off, variant }) =>
        off?.some((step) => names.has(step)) ||
        (variant !== undefined && this.replaced.get(variant)?.includes(id)),
    );
    return { place, kernel: declaration.kernel, steps, mutants, reach: this.reach(id) };
  }

  /** Scenarios that pass through a declaration, by name. */
  reach(id: string): Reach[] {
    const found: Reach[] = [];
    const carriers = [...this.graph.carriers(id)].flatMap((carrier) => this.graph.places.get(carrier) ?? []);
    const own = new Set(carriers.flatMap(({ declaration }) => declaration.scenarios));
    for (const survey of this.surveys.values()) {
      const sites = survey.sites.filter(({ file, line }) =>
        carriers.some((at) => at.file === file && line >= at.declaration.line && line <= at.declaration.end),
      );
      const [first, ...others] = sites;
      if (first === undefined && !own.has(survey.scenario)) continue;
      const always = (first?.always ?? []).filter((lock) =>
        others.every((site) => site.always.includes(lock)),
      );
      const atTimes = [...new Set(sites.flatMap((site) => site.atTimes))].filter(
        (lock) => !always.includes(lock),
      );
      const { scenario, executions, exhaustive } = survey;
      found.push({ scenario, executions, exhaustive, always, atTimes });
    }
    return found;
  }

  /** Scenarios that refer to any of these, through any number of others. */
  mayReach(ids: readonly string[]): Set<string> {
    const users = [...this.graph.usersOf(ids)].flatMap((id) => this.graph.places.get(id) ?? []);
    return new Set(users.flatMap(({ file, declaration }) => (isSystem(file) ? [] : declaration.scenarios)));
  }

  private add(name: string, place: Place): void {
    const places = this.byName.get(name);
    if (places === undefined) this.byName.set(name, [place]);
    else if (!places.includes(place)) places.push(place);
  }
}

/** Reads sources, catalogue and surveys. The first time for a state of the sources this takes some seconds. */
export async function loadTable(pool: Pool): Promise<Table> {
  const [known, { scenarios, mutants }] = await Promise.all([outlines(), loadCatalogue()]);
  const { replacementsOf } = await plugin();
  const replaced = new Map<string, string[]>();
  for (const file of known.keys()) {
    const name = /^packages\/kvm\/variants\/(.+)\.ts$/.exec(file)?.[1];
    if (name === undefined) continue;
    const text = readFileSync(`${host().root}/${file}`, 'utf8');
    replaced.set(
      name,
      replacementsOf(text, file).map((r) => `${r.file}#${r.name}`),
    );
  }
  return new Table(known, new Graph(known), await surveys(scenarios, pool), scenarios, mutants, replaced);
}

/** Part of the model, not of what is checked with it. */
export function isSystem(file: string): boolean {
  return file.startsWith('packages/kvm/src/') || file.startsWith('packages/machine/src/');
}
