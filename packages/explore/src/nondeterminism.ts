/** The program did something else when the same schedule was executed again. */
import { describe, kindNames } from '@faultline/machine';
import type { OpTable } from './op-table.ts';

export class Nondeterminism extends Error {
  constructor(
    readonly step: number,
    readonly thread: number,
    before: OpTable,
    now: OpTable,
  ) {
    super(
      `step ${step} did ${named(before, step)} the first time and ${named(now, thread)} the second: ` +
        'a thread depends on something outside the arena (a variable shared by closures, a clock, a random number)',
    );
    this.name = 'Nondeterminism';
  }
}

function named(ops: OpTable, row: number): string {
  if (ops.kind[row] < 0) return 'nothing (the thread had ended)';
  const place = ops.addr[row] === 0 ? '' : ` of ${describe(ops.addr[row]).text}`;
  return `${kindNames[ops.kind[row]]}${place}`;
}
