import type { Mutant } from '../mutant.ts';

/** Changes to posted interrupts. */
export const piMutants: readonly Mutant[] = [];
