/** The catalogue: every scenario, every mutant. */
import type { AnyScenario } from '@faultline/machine';
import type { Mutant } from './mutant.ts';

export type { Expectation, Mutant } from './mutant.ts';

export const scenarios: readonly AnyScenario[] = [];

export const mutants: readonly Mutant[] = [];
