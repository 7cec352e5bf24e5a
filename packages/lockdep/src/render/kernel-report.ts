/** A task that is part of a deadlock: what it waits for, how it got there, what it holds. */
export interface StuckTask {
  readonly comm: string;
  readonly pid: number;
  /** What it holds, outermost first. */
  readonly held: readonly StuckLock[];
  /** What it waits for. */
  readonly wants: StuckLock;
  /** The call that waits: `mutex_lock`, `synchronize_srcu`. */
  readonly op: string;
  /** The call that took, of its locks, the one that the task before it waits for: `mutex_lock`, `srcu_read_lock`. */
  readonly took: string;
  /** Innermost call first. */
  readonly path: readonly StuckFrame[];
}

export interface StuckLock {
  /** As lockdep names classes: `&kvm->lock`. */
  readonly name: string;
  readonly address: number;
  readonly kind: 'mutex' | 'spin' | 'srcu';
  /** The function that took it, when known. */
  readonly at?: StuckFrame;
}

export interface StuckFrame {
  readonly fn: string;
  /** `file:line` */
  readonly source: string;
}

const RULE = '='.repeat(54);
const LINE = '-'.repeat(54);
/** Where the first CPU's column begins, and how wide each is. */
const FIRST = 7;
const COLUMN = 24;

/**
 * A deadlock in the format of lockdep's report of a circular dependency, with frames as scripts/decode_stacktrace.sh
 * leaves them. In one thing it says more than the kernel does: a grace period is `synchronize_srcu()` and a read section
 * `srcu_read_lock()`, where the kernel prints `lock()` for both.
 * @param tasks in order: each waits for what the next one holds, the last for what the first holds; two or more
 */
export function kernelReport(tasks: readonly StuckTask[], release: string): string[] {
  const [first] = tasks;
  const last = tasks[tasks.length - 1];
  if (first === undefined || last === undefined || tasks.length < 2) return [];
  const who = `${first.comm}/${first.pid}`;
  return [
    RULE,
    'WARNING: possible circular locking dependency detected',
    `${release} Not tainted`,
    LINE,
    `${who} is trying to acquire lock:`,
    `${lockText(first.wants)}, at: ${placeOf(first)}`,
    '',
    'but task is already holding lock:',
    heldText(heldBy(first, last.wants)),
    '',
    'which lock already depends on the new lock.',
    '',
    '',
    'the existing dependency chain (in reverse order) is:',
    ...[...tasks.keys()].reverse().flatMap((k) => linkText(k, tasks[k] as StuckTask)),
    '',
    'other info that might help us debug this:',
    '',
    ...scenarioText(tasks),
    '',
    ' *** DEADLOCK ***',
    '',
    `${first.held.length} lock${first.held.length === 1 ? '' : 's'} held by ${who}:`,
    ...first.held.map((lock, i) => ` #${i}: ${heldText(lock)}`),
    '',
    'stack backtrace:',
    `CPU: 0 PID: ${first.pid} Comm: ${first.comm} Not tainted ${release}`,
    'Call Trace:',
    ' <TASK>',
    ...framesOf(first).map((frame) => ` ${frame}`),
    ' </TASK>',
  ];
}

function linkText(k: number, task: StuckTask): string[] {
  const { name, kind } = task.wants;
  return ['', `-> #${k} (${name})${usage(kind)}:`, ...framesOf(task).map((frame) => `       ${frame}`)];
}

/** The table of CPUs: first what each holds, then, from the last to the first, what each waits for. */
function scenarioText(tasks: readonly StuckTask[]): string[] {
  const at = (k: number, text: string) => `${' '.repeat(k === 0 ? 2 : FIRST + COLUMN * k)}${text}`;
  const heads = (text: (k: number) => string) =>
    `${' '.repeat(FIRST)}${tasks.map((_, k) => text(k).padEnd(COLUMN)).join('')}`.trimEnd();
  const before = (k: number) => tasks[(k + tasks.length - 1) % tasks.length] as StuckTask;
  return [
    ' Possible unsafe locking scenario:',
    '',
    heads((k) => `CPU${k}`),
    heads(() => '----'),
    ...tasks.map((task, k) => at(k, `${task.took}(${before(k).wants.name});`)),
    ...[...tasks.keys()].reverse().map((k) => {
      const { op, wants } = tasks[k] as StuckTask;
      return at(k, `${op}(${wants.name});`);
    }),
  ];
}

function heldBy(task: StuckTask, lock: StuckLock): StuckLock {
  return task.held.find((h) => h.address === lock.address) ?? lock;
}

function heldText(lock: StuckLock): string {
  return `${lockText(lock)}, at: ${frameText(lock.at)}`;
}

function lockText({ name, address, kind }: StuckLock): string {
  return `ffff8880${address.toString(16).padStart(8, '0')} (${name})${usage(kind)}`;
}

/** Outside of interrupts everything here is taken with interrupts on; only what sleeps tells the kinds apart. */
function usage(kind: StuckLock['kind']): string {
  if (kind === 'srcu') return '{.+.+}-{0:0}';
  return kind === 'mutex' ? '{+.+.}-{3:3}' : '{+.+.}-{2:2}';
}

function placeOf({ path }: StuckTask): string {
  return frameText(path[0]);
}

/** As scripts/decode_stacktrace.sh prints what it cannot find. */
function frameText(frame: StuckFrame = { fn: 'unknown', source: '??:?' }): string {
  return `${frame.fn} (${frame.source})`;
}

/** Innermost first, the lock's own function on top. */
function framesOf({ op, path }: StuckTask): string[] {
  const own = path[0]?.fn === op ? path : [{ fn: op, source: '??:?' }, ...path];
  return own.map(frameText);
}
