/** The catalogue that the launcher built: scenarios and mutants of the unchanged system. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AnyScenario } from '@faultline/machine';
import type { Mutant } from '@faultline/scenarios';
import { host } from './host.ts';

export interface Catalogue {
  readonly scenarios: readonly AnyScenario[];
  readonly mutants: readonly Mutant[];
}

/** Loads it, once a process. */
export async function loadCatalogue(): Promise<Catalogue> {
  return (await import(pathToFileURL(catalogueModule()).href)) as Catalogue;
}

export function catalogueModule(): string {
  return path.join(host().built, 'catalogue.js');
}
