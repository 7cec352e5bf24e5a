import type { Edge } from '../graph/graph.ts';
import { isSrcuClass } from '../graph/lock-class.ts';
import { spell } from '../reports/acquire.ts';

interface Cell {
  readonly column: number;
  readonly text: string;
}

/**
 * The deadlock as a commit message draws it: one column a CPU, first what each holds, then what each waits for.
 * At most 72 columns; with more than two CPUs the columns are staggered.
 */
export function cpuTable(cycle: readonly Edge[], interrupt: boolean): string[] {
  if (cycle.length === 0) return [];
  const cells = interrupt ? interruptCells(cycle) : lockCells(cycle);
  const columns = Math.max(...cells.map((c) => c.column)) + 1;
  return draw(cells, columns);
}

/** How the lock an edge starts from was taken, by the edge that arrives at it. */
function holdOp(cycle: readonly Edge[], i: number): string {
  const edge = cycle[i];
  const before = cycle[(i + cycle.length - 1) % cycle.length];
  if (!edge || !before) return '';
  if (before.want === 'wait') return spell('runs', edge.from);
  if (edge.held === 'shared' && isSrcuClass(edge.from)) return spell('srcu_read_lock', edge.from);
  const op = before.op === undefined || before.op === 'interrupt' ? 'lock' : before.op;
  return spell(op === 'synchronize_srcu' ? 'srcu_read_lock' : op, edge.from);
}

function lockCells(cycle: readonly Edge[]): Cell[] {
  if (cycle.length === 1) {
    const only = cycle[0];
    const op = only?.op ?? 'lock';
    const name = only?.from ?? '';
    return [
      { column: 0, text: `${spell(op, name)};` },
      { column: 0, text: `${spell(op, name)};    /* ${selfRemark(only)} */` },
    ];
  }
  const cells: Cell[] = [];
  cycle.forEach((_, i) => {
    const op = holdOp(cycle, i);
    cells.push({ column: i, text: statement(op) });
  });
  cycle.forEach((edge, i) => {
    cells.push({ column: i, text: statement(spell(edge.op ?? 'lock', edge.to)) });
  });
  return cells;
}

function statement(text: string): string {
  return text.startsWith('/*') ? text : `${text};`;
}

function selfRemark(edge: Edge | undefined): string {
  if (!edge?.fromInstance || !edge.toInstance) return 'the same class';
  return edge.fromInstance === edge.toInstance ? 'waits for itself' : 'another lock of the class';
}

/** The last lock is held with interrupts enabled on CPU0; the interrupt there wants the first. */
function interruptCells(cycle: readonly Edge[]): Cell[] {
  const last = cycle[cycle.length - 1];
  if (!last) return [];
  if (cycle.length === 1) {
    return [
      { column: 0, text: `lock(${last.from});` },
      { column: 0, text: '<Interrupt>' },
      { column: 0, text: `  lock(${last.from});` },
    ];
  }
  const cells: Cell[] = [
    { column: 0, text: `lock(${last.from});` },
    { column: 1, text: 'local_irq_disable();' },
  ];
  for (const edge of cycle.slice(0, -1)) cells.push({ column: 1, text: `lock(${edge.from});` });
  cells.push({ column: 1, text: `lock(${last.from});` });
  cells.push({ column: 0, text: '<Interrupt>' }, { column: 0, text: `  lock(${last.to});` });
  return cells;
}

function draw(cells: readonly Cell[], columns: number): string[] {
  const longest = Math.max(...cells.filter((c) => c.column === columns - 1).map((c) => c.text.length), 6);
  const first = Math.max(...cells.filter((c) => c.column === 0).map((c) => c.text.length), 6);
  const room = columns === 1 ? 0 : Math.floor((72 - Math.min(longest, 60)) / (columns - 1));
  const step =
    columns === 2 ? Math.max(8, Math.min(Math.max(first + 2, 24), room)) : Math.max(8, Math.min(32, room));
  const at = (column: number): string => ' '.repeat(step * column);
  let head = '';
  let rule = '';
  for (let c = 0; c < columns; c++) {
    head = `${head.padEnd(step * c)}CPU${c}`;
    rule = `${rule.padEnd(step * c)}----`;
  }
  const rows = cells.map((c) => {
    const line = at(c.column) + c.text;
    return line.length <= 72 ? line : ' '.repeat(Math.max(0, 72 - c.text.length)) + c.text;
  });
  return [head, rule, ...rows];
}
