/**
 * The physical CPU that a vCPU's thread runs on; here each vCPU has one of its own and stays there. Whether it takes an
 * interrupt is the TLB's `lock`: see ipi.ts.
 */
import { type Cell, cell32, type StructType, struct, u32Field, type View } from '@faultline/machine';

export interface Cpu extends View {
  /** From VM-enter until the host runs again. Written by the vCPU's thread, with interrupts off. */
  inGuest: number;
  /** An interrupt has ended the guest's turn, and the host has not noticed yet. Guarded by the TLB's lock. */
  interrupted: number;
  /** Times that an interrupt did that: what a guest that only spins waits for. */
  readonly vmExits: Cell<number>;
  /** Interrupts on their way that nobody waits for. */
  readonly irr: Cell<number>;
}

export const Cpu: StructType<Cpu> = struct(
  'cpu',
  { inGuest: u32Field, interrupted: u32Field, vmExits: cell32, irr: cell32 },
  { as: 'cpu' },
);
