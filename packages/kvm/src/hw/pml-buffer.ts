/** The buffer of a vCPU's page-modification log. Guarded by the TLB's lock: the hardware writes it within an instruction. */
import { array, type Elements, type StructType, struct, u32Field, type View } from '@faultline/machine';
import type { Gfn } from '../types.ts';

export interface Pml extends View {
  count: number;
  readonly gfns: Elements<number>;
}

/** Entries that a model may have; 512 on real hardware. */
export const PML_MAX = 4;

export const Pml: StructType<Pml> = struct(
  'pml_buffer',
  { count: u32Field, gfns: array(u32Field, PML_MAX) },
  { as: 'pml' },
);

/** Inside the instruction that has set D, and found room before. */
export function notePml(pml: Pml, gfn: Gfn): void {
  pml.gfns.set(pml.count, gfn);
  pml.count++;
}
