import type { Mutant } from '../mutant.ts';

/** Changes to APIC virtualization. */
export const apicvMutants: readonly Mutant[] = [];
