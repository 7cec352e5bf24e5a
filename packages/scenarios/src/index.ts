/** The catalogue: every scenario, every mutant. */
import type { AnyScenario } from '@faultline/machine';
import { lifetimeScenarios } from './lifetime/all.ts';
import { memslotsScenarios } from './memslots/all.ts';
import { mmioScenarios } from './mmio/all.ts';
import type { Mutant } from './mutant.ts';
import { lifetimeMutants } from './mutants/lifetime.ts';
import { memslotsMutants } from './mutants/memslots.ts';
import { mmioMutants } from './mutants/mmio.ts';

export type { Expectation, Mutant } from './mutant.ts';

export const scenarios: readonly AnyScenario[] = [
  ...memslotsScenarios,
  ...mmioScenarios,
  ...lifetimeScenarios,
];

export const mutants: readonly Mutant[] = [...memslotsMutants, ...mmioMutants, ...lifetimeMutants];
