/**
 * Locks and interrupts, by lockdep's bits of use: a lock that the handler of an interrupt takes must not be held where one
 * may come, or the handler waits for the task below it. Nor may such a lock wait for one that is held with interrupts on.
 */
import { isSrcuClass } from '../graph/lock-class.ts';
import { edgesOf, type Use } from './uses.ts';

/** IN: taken by a handler; ON: taken with interrupts on. W: alone, R: with other readers. */
export type UsageBit = 'IN-HARDIRQ-W' | 'IN-HARDIRQ-R' | 'HARDIRQ-ON-W' | 'HARDIRQ-ON-R';

/** The first use that shows a bit. */
export interface Witness {
  readonly use: Use;
  /** Index into its paths. */
  readonly at: number;
}

export type Usages = ReadonlyMap<string, ReadonlyMap<UsageBit, Witness>>;

export interface IrqProblem {
  /** `irq-use gpc->lock`, or `irq-order ctx->wqh.lock > kvm->irqfds.lock`. */
  readonly key: string;
  /** In lockdep's words. */
  readonly text: string;
  /** Where the lock is used in the two ways; the later one is where the rule is broken. */
  readonly witnesses: readonly [Witness, Witness];
}

/** Functions that a CPU runs when it takes an interrupt. */
const HANDLERS = new Set(['pi_wakeup_handler', 'vfio_msihandler']);

/** For each lock the ways in which it is used. Sections, grace periods and waits are none. */
export function usagesOf(uses: Iterable<Use>): Usages {
  const found = new Map<string, Map<UsageBit, Witness>>();
  for (const use of uses) {
    if (use.want !== 'exclusive' && use.want !== 'read') continue;
    const bits = found.get(use.lock) ?? new Map<UsageBit, Witness>();
    found.set(use.lock, bits);
    use.paths.forEach((path, at) => {
      const bit = bitOf(use, path);
      if (bit !== null && !bits.has(bit)) bits.set(bit, { use, at });
    });
  }
  return found;
}

/** Locks that an interrupt may find held by the task that it interrupts, each once. */
export function irqProblems(uses: readonly Use[]): IrqProblem[] {
  const usages = usagesOf(uses);
  return [...[...usages].flatMap(([lock, bits]) => inconsistent(lock, bits)), ...inversions(uses, usages)];
}

/** As /proc/lockdep prints it for hard interrupts: `-` in a handler, `+` with interrupts on, `?` both, `.` neither. */
export function usageChars(bits: ReadonlyMap<UsageBit, Witness>): string {
  const char = (mode: 'W' | 'R') => {
    const on = bits.has(`HARDIRQ-ON-${mode}`);
    return bits.has(`IN-HARDIRQ-${mode}`) ? (on ? '?' : '-') : on ? '+' : '.';
  };
  return char('W') + char('R');
}

/** Null: by a task that has interrupts off. */
function bitOf({ want, irqsOff = false }: Use, path: readonly string[]): UsageBit | null {
  const mode = want === 'read' ? 'R' : 'W';
  if (path.some((fn) => HANDLERS.has(fn))) return `IN-HARDIRQ-${mode}`;
  return irqsOff ? null : `HARDIRQ-ON-${mode}`;
}

const CONFLICTS = [
  ['HARDIRQ-ON-W', 'IN-HARDIRQ-W'],
  ['HARDIRQ-ON-R', 'IN-HARDIRQ-W'],
  ['HARDIRQ-ON-W', 'IN-HARDIRQ-R'],
] as const;

function inconsistent(lock: string, bits: ReadonlyMap<UsageBit, Witness>): IrqProblem[] {
  for (const [on, handler] of CONFLICTS) {
    const unsafe = bits.get(on);
    const safe = bits.get(handler);
    if (unsafe === undefined || safe === undefined) continue;
    const text = `inconsistent {${handler}} -> {${on}} usage: ${lock}`;
    return [{ key: `irq-use ${lock}`, text, witnesses: [safe, unsafe] }];
  }
  return [];
}

/** From a lock that handlers take to one that is held with interrupts on, over any number of locks. */
function inversions(uses: readonly Use[], usages: Usages): IrqProblem[] {
  const inside = new Map<string, Use[]>();
  for (const use of uses) {
    if (use.want !== 'exclusive' && use.want !== 'read') continue;
    for (const { from } of edgesOf(use)) {
      if (!isSrcuClass(from)) inside.set(from, [...(inside.get(from) ?? []), use]);
    }
  }
  const found = new Map<string, IrqProblem>();
  for (const [lock, bits] of usages) {
    const safe = bits.get('IN-HARDIRQ-W') ?? bits.get('IN-HARDIRQ-R');
    if (safe === undefined) continue;
    for (const use of reachedFrom(lock, inside)) {
      const unsafe = usages.get(use.lock)?.get('HARDIRQ-ON-W') ?? usages.get(use.lock)?.get('HARDIRQ-ON-R');
      if (unsafe === undefined || use.lock === lock) continue;
      const key = `irq-order ${lock} > ${use.lock}`;
      const text = `HARDIRQ-safe -> HARDIRQ-unsafe lock order: ${lock} -> ${use.lock}`;
      found.set(key, { key, text, witnesses: [safe, unsafe] });
    }
  }
  return [...found.values()];
}

function reachedFrom(lock: string, inside: ReadonlyMap<string, readonly Use[]>): Use[] {
  const seen = new Set([lock]);
  const uses: Use[] = [];
  for (const from of seen) {
    for (const use of inside.get(from) ?? []) {
      uses.push(use);
      seen.add(use.lock);
    }
  }
  return uses;
}

/** The same in words; '' for a lock that was not taken. */
export function usageWords(bits: ReadonlyMap<UsageBit, Witness> | undefined): string {
  if (bits === undefined) return '';
  const handlers = bits.has('IN-HARDIRQ-W')
    ? 'taken by interrupts'
    : bits.has('IN-HARDIRQ-R')
      ? 'read by interrupts'
      : '';
  const on = bits.has('HARDIRQ-ON-W') || bits.has('HARDIRQ-ON-R');
  return [handlers, on ? 'taken with interrupts on' : 'always with interrupts off']
    .filter(Boolean)
    .join(', ');
}
