/** Changes to stage-2 tables and their end: each breaks a scenario of area arm64, or is shown to break nothing. */
import type { Mutant } from '../mutant.ts';

export const arm64Mutants: readonly Mutant[] = [];
