/** What the arguments of a verb mean: scenarios of the catalogue, scenario files, and the variants to apply. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AnyScenario } from '@faultline/machine';
import { catalogueModule, loadCatalogue } from './catalogue.ts';
import { changeOf } from './change.ts';
import { UsageError } from './exit.ts';
import { type Builder, type Changed, host } from './host.ts';
import { either, near, scenariosOf, select, type Use } from './scenarios.ts';

/** A scenario and the module to load it from. */
export interface Target {
  readonly scenario: AnyScenario;
  readonly module: string;
  /** Names of the variants in the module joined by '+'; '' for none. */
  readonly variant: string;
  /** What to add to a command so that it finds the scenario again: a file, a variant file. */
  readonly arguments: readonly string[];
}

/** Resolves areas, scenarios and files. Throws a UsageError that says what was expected. */
export async function resolveTargets(
  names: readonly string[],
  variants: readonly string[],
  use: Use = 'explorer',
): Promise<Target[]> {
  const files = names.filter(isFile);
  const others = names.filter((name) => !isFile(name));
  const changed = changedBy(variants);
  const variant = variants.map(changeName).join('+');
  const again = variants.filter(isFile).flatMap((file) => ['--with', file]);
  const targets: Target[] = [];
  if (others.length > 0 || files.length === 0) {
    const chosen = select((await loadCatalogue()).scenarios, others, use);
    const module = variants.length === 0 ? catalogueModule() : await buildCatalogue(changed);
    for (const scenario of chosen) targets.push({ scenario, module, variant, arguments: again });
  }
  for (const file of files) {
    const module = await buildUserFile(file, changed);
    for (const scenario of await scenariosIn(module, file)) {
      targets.push({ scenario, module, variant, arguments: [file, ...again] });
    }
  }
  return targets;
}

/** The module of the catalogue with these variants, each a name or a file. */
export async function catalogueWith(variants: readonly string[]): Promise<string> {
  return variants.length === 0 ? catalogueModule() : buildCatalogue(changedBy(variants));
}

/** What `--with` asks for: names of variants, variant files, patches, files that replace one of the project. */
export function changedBy(given: readonly string[]): Required<Changed> {
  const all = given.map((one) =>
    isFile(one) ? changeOf(one) : { variants: [variantFile(one)], sources: {} },
  );
  return {
    variants: all.flatMap(({ variants }) => variants),
    sources: Object.assign({}, ...all.map(({ sources }) => sources)) as Record<string, string>,
  };
}

/** The module of the catalogue in which every atomic, fence and lock of the system is a step. */
export async function catalogueOfSites(): Promise<string> {
  return building((builder) => builder.buildCatalogue(host(), { variants: [], auto: true }));
}

export function isFile(name: string): boolean {
  return /\.(?:[cm]?[jt]sx?|patch|diff|mbox)$/.test(name) || name.startsWith('.') || path.isAbsolute(name);
}

/** Names of the variants that come with the project. */
export function knownVariants(): string[] {
  const folder = variantFolder();
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /\.ts$/.test(name) && !/\.test\.ts$/.test(name))
    .map((name) => name.replace(/\.ts$/, ''))
    .sort();
}

/** The file of a variant: one of the project by its name, or a user's. Throws a UsageError with near names. */
export function variantFile(name: string): string {
  if (isFile(name)) {
    const file = path.resolve(name);
    if (existsSync(file)) return file;
    throw new UsageError(
      `${name}: no such file; expected the name of a variant or a file that has '@replaces' tags`,
    );
  }
  const known = knownVariants();
  if (known.includes(name)) return path.join(variantFolder(), `${name}.ts`);
  const close = near(name, known);
  const hint = close.length > 0 ? ` Did you mean ${either(close)}?` : '';
  throw new UsageError(
    `no variant '${name}'.${hint}\nVariants: ${known.join(' ') || 'none'}. Or give a file: a path that ends in .ts or .patch.`,
  );
}

function variantFolder(): string {
  return path.join(host().root, 'packages/kvm/variants');
}

/** What a token calls it: the name of a variant, or of the file without its suffix. */
export function changeName(given: string): string {
  return path.basename(given).replace(/\.(?:[cm]?tsx?|patch|diff|mbox)$/, '');
}

/** The catalogue over a changed system. Throws a UsageError for what does not build. */
export async function buildCatalogue(changed: Changed): Promise<string> {
  return building((builder) => builder.buildCatalogue(host(), changed));
}

/** A module over a changed system. Returns its path; throws a UsageError for what does not build. */
export async function buildUserFile(file: string, changed: Changed): Promise<string> {
  return building((builder) => builder.buildUserFile(host(), path.resolve(file), changed));
}

/** The build that is under way: each holds the whole project in memory, and `mutate` asks for hundreds. */
let before: Promise<unknown> = Promise.resolve();

/** What does not build is what the user gave: the sources of the project were built before. */
async function building(build: (builder: Builder) => Promise<string>): Promise<string> {
  const builder = await host().builder();
  const built = before.then(() => build(builder));
  before = built.catch(() => undefined);
  try {
    return await built;
  } catch (error) {
    if (error instanceof builder.BuildError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

async function scenariosIn(module: string, file: string): Promise<AnyScenario[]> {
  process.setSourceMapsEnabled(true);
  let loaded: Record<string, unknown>;
  try {
    loaded = (await import(pathToFileURL(module).href)) as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`${file} does not load: ${messageWithPlace(error)}`, { cause: error });
  }
  const found = scenariosOf(loaded);
  if (found.length === 0) {
    throw new UsageError(
      `${file} exports no scenario; expected 'export const name = scenario('area/bad-thing-that-may-happen', {...})' (see docs/guide.md)`,
    );
  }
  return found;
}

/** The message of an error and the first line of its stack that is not inside Node. */
function messageWithPlace(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error.stack?.split('\n').find((line) => /^\s+at /.test(line) && !line.includes('node:'));
  return place === undefined ? error.message : `${error.message}\n${place}`;
}
