/**
 * What decides when an operation may happen and what it does to memory. A model with store buffers has an auxiliary process
 * for each thread, its flusher, numbered after all threads; the steps of a flusher are the writes to memory.
 */
import { Kind } from '@faultline/machine';
import type { OpTable } from './op-table.ts';

export type ModelName = 'sc' | 'tso';

/** Every model, in the order in which tokens number them. */
export const MODELS: readonly ModelName[] = ['sc', 'tso'];

export interface MemoryModel {
  readonly name: ModelName;
  /** Stores wait in buffers; fences are steps of their own. Without, fences order nothing that is not ordered already. */
  readonly hasBuffers: boolean;
  /** Halves of the last result. */
  readonly result: { lo: number; hi: number };
  /** An execution begins: buffers are empty. */
  start(): void;
  /** Puts what the flusher of thread `t` would write next into `row`; false if its buffer is empty. */
  oldest(t: number, ops: OpTable, row: number): boolean;
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
