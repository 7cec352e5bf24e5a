/**
 * What decides when an operation may happen and what it does to memory. Sequential consistency today; a model with store
 * buffers adds auxiliary processes, whose transitions are the flushes.
 */
import { Kind } from '@faultline/machine';
import type { OpTable } from './op-table.ts';

export type ModelName = 'sc';

export interface MemoryModel {
  readonly name: ModelName;
  /** Processes besides the threads of the program. */
  readonly auxiliary: number;
  /** Fences order nothing that is not ordered already, so they are no transitions. */
  readonly fencesAreLocal: boolean;
  /** Halves of the last result. */
  readonly result: { lo: number; hi: number };
  /** Whether the operation in `row` can be executed now. */
  enabled(ops: OpTable, row: number): boolean;
  /** Executes the operation in `row` for task `task`; `choice` is the outcome of a CHOOSE. */
  execute(ops: OpTable, row: number, task: number, choice: number): void;
}

const WAITING =
  (1 << Kind.MUTEX_LOCK) |
  (1 << Kind.SPIN_LOCK) |
  (1 << Kind.READ_LOCK) |
  (1 << Kind.WRITE_LOCK) |
  (1 << Kind.SRCU_WAIT) |
  (1 << Kind.AWAIT) |
  (1 << Kind.RETRY);

/** Whether operations of this kind can be disabled. They follow the waiting rule of the search. */
export function waits(kind: number): boolean {
  return ((WAITING >>> kind) & 1) === 1;
}
