import type { CallFrame } from '../graph/graph.ts';
import type { LockClass } from '../graph/lock-class.ts';
import type { UserRegisters } from './entry.ts';
import type { LockRef } from './lock-ref.ts';

/** Every kind of report that lockdep and its neighbours print. */
export type ReportKind =
  | 'circular'
  | 'recursive'
  | 'inconsistent-state'
  | 'irq-safe-to-unsafe'
  | 'irq-inversion'
  | 'invalid-wait-context'
  | 'bad-unlock-balance'
  | 'bad-contention'
  | 'held-lock-freed'
  | 'held-at-exit'
  | 'held-at-return'
  | 'nested-lock-not-taken'
  | 'limit'
  | 'non-static-key'
  | 'suspicious-rcu'
  | 'sleeping-in-atomic'
  | 'scheduling-in-atomic'
  | 'hung-task'
  | 'all-locks-held'
  | 'stall'
  | 'kcsan'
  | 'oops';

export interface TaskRef {
  readonly comm: string;
  readonly pid: number;
}

/** "N locks held by comm/pid". */
export interface HeldList {
  readonly task: TaskRef | null;
  readonly declared: number;
  readonly locks: LockRef[];
}

/** `-> #N (lock)`: where that lock was taken, with the lock of the next lower number held. */
export interface ChainLink {
  readonly index: number;
  readonly ref: LockRef;
  readonly path: CallFrame[];
}

/** A labelled call path: "{SOFTIRQ-ON-W} state was registered at", "which became HARDIRQ-irq-safe at". */
export interface NamedPath {
  readonly label: string;
  readonly frames: CallFrame[];
}

export interface KcsanAccess {
  readonly what: string;
  readonly address: string;
  readonly bytes: number;
  readonly by: string;
  readonly cpu: number | null;
  readonly frames: CallFrame[];
}

export interface Report {
  kind: ReportKind;
  /** The headline as printed, without decoration. */
  headline: string;
  /** Lines of the input, 1-based, both included. */
  first: number;
  last: number;
  kernel?: string;
  task?: TaskRef;
  cpu?: number;
  wanted?: LockRef;
  holding?: LockRef;
  /** Lock pair of a new dependency, the irq-safe and irq-unsafe ends it connects. */
  newEdge?: { from: LockClass; to: LockClass };
  safeLock?: LockRef;
  unsafeLock?: LockRef;
  /** `{SOFTIRQ-ON-W}` → `{IN-SOFTIRQ-W}`; HARDIRQ or SOFTIRQ for the irq kinds. */
  states?: { from: string; to: string };
  irq?: string;
  waitContext?: string;
  /** The lock after `<Interrupt>` in the printed scenario. */
  interruptTakes?: string;
  chain: ChainLink[];
  /** Names of "Chain exists of". */
  shown: string[];
  held: HeldList[];
  paths: NamedPath[];
  stack: CallFrame[];
  /** Where "..." cut the backtrace: frames from here on do not follow the ones before. */
  stackCut?: number;
  accesses: KcsanAccess[];
  valueChanged?: { from: string; to: string };
  /** `include/linux/kvm_host.h:1084`, with what was said there. */
  place?: { file: string; line: number; message: string };
  freed?: { from: string; to: string };
  /** Seconds a hung task has been blocked. */
  blockedSeconds?: number;
  likelyOwner?: string;
  /** The outer lock that a nesting annotation names and the task does not hold. */
  notHeld?: string;
  /** Which limit was exceeded. */
  limit?: string;
  atomic?: { inAtomic: number; irqsDisabled: number };
  user?: UserRegisters;
  /** Lockdep had switched itself off before this report. */
  afterLockdepOff: boolean;
  /** What this text has lost, in sentences. */
  losses: string[];
  /** Lines of other speakers found in between. */
  foreignLines: number;
}

export function emptyReport(kind: ReportKind, headline: string, line: number): Report {
  return {
    kind,
    headline,
    first: line,
    last: line,
    chain: [],
    shown: [],
    held: [],
    paths: [],
    stack: [],
    accesses: [],
    afterLockdepOff: false,
    losses: [],
    foreignLines: 0,
  };
}

/** `kworker/u4:4/178`: the last slash separates the pid. */
export function parseTask(text: string): TaskRef | null {
  const clean = text.trim();
  const slash = clean.lastIndexOf('/');
  if (slash <= 0 || slash > 64) return null;
  const pid = clean.slice(slash + 1);
  if (!/^\d{1,10}$/.test(pid)) return null;
  return { comm: clean.slice(0, slash), pid: Number(pid) };
}

export function formatTask(task: TaskRef): string {
  return `${task.comm}/${task.pid}`;
}
