import { emptyReport, parseTask, type Report, type ReportKind } from './report.ts';

interface Headline {
  /** Text that begins the headline after WARNING:, INFO: or BUG:, lower case. */
  readonly starts: string;
  readonly kind: ReportKind;
}

/** Wordings of 3.x to 6.x; the prefixes WARNING/INFO/BUG and the brackets around old ones are stripped first. */
const HEADLINES: readonly Headline[] = [
  { starts: 'possible circular locking dependency detected', kind: 'circular' },
  { starts: 'possible recursive locking detected', kind: 'recursive' },
  { starts: 'inconsistent lock state', kind: 'inconsistent-state' },
  { starts: 'possible irq lock inversion dependency detected', kind: 'irq-inversion' },
  { starts: 'invalid wait context', kind: 'invalid-wait-context' },
  { starts: 'bad unlock balance detected', kind: 'bad-unlock-balance' },
  { starts: 'bad contention detected', kind: 'bad-contention' },
  { starts: 'held lock freed', kind: 'held-lock-freed' },
  { starts: 'lock held at task exit time', kind: 'held-at-exit' },
  { starts: 'lock held when returning to user space', kind: 'held-at-return' },
  { starts: 'nested lock was not taken', kind: 'nested-lock-not-taken' },
  { starts: 'trying to register non-static key', kind: 'non-static-key' },
  { starts: 'suspicious rcu usage', kind: 'suspicious-rcu' },
  { starts: 'sleeping function called from', kind: 'sleeping-in-atomic' },
  { starts: 'scheduling while atomic', kind: 'scheduling-in-atomic' },
  { starts: 'kcsan: ', kind: 'kcsan' },
  { starts: 'unable to handle', kind: 'oops' },
  { starts: 'kernel null pointer dereference', kind: 'oops' },
  { starts: 'kasan: ', kind: 'oops' },
  { starts: 'ubsan: ', kind: 'oops' },
  { starts: 'soft lockup', kind: 'stall' },
  { starts: 'rcu_preempt ', kind: 'stall' },
  { starts: 'rcu_sched ', kind: 'stall' },
  { starts: 'workqueue lockup', kind: 'stall' },
  { starts: 'spinlock ', kind: 'oops' },
];

/** lockdep's tables running full: it then stops checking; nothing is wrong with the locks. */
const LIMITS = [
  'MAX_LOCK_DEPTH too low',
  'MAX_LOCKDEP_ENTRIES too low',
  'MAX_LOCKDEP_CHAINS too low',
  'MAX_LOCKDEP_CHAIN_HLOCKS too low',
  'MAX_LOCKDEP_KEYS too low',
  'looking up invalid subclass',
  'MAX_STACK_TRACE_ENTRIES too low',
];

/** A word of every headline: most lines have none of them. */
const GATE =
  /WARNING|BUG|INFO|DEADLOCK|possible |nconsistent lock|nvalid wait|RCU usage|Showing all|protection fault|divide error|stack segment|unlock balance|contention|lock freed|lock held|ested lock|non-static|sleeping func|scheduling while/;

/** Does this line begin a report? Cheap to ask of every line. */
export function startReport(line: string, at: number): Report | null {
  const text = line.trim();
  if (text.length < 10 || text.length > 300 || !GATE.test(text)) return null;
  for (const limit of LIMITS) {
    if (!text.startsWith('BUG: ') || !text.includes(limit)) continue;
    return { ...emptyReport('limit', text, at), limit: limit.replace(' too low', '') };
  }
  return worded(text, at) ?? taskWorded(text, at) ?? oops(text, at);
}

function worded(text: string, at: number): Report | null {
  const headline = text
    .replace(/^(?:rcu|watchdog|NMI watchdog): /, '')
    .replace(/^\[ /, '')
    .replace(/ \]$/, '');
  const body = headline.replace(/^(?:WARNING|INFO|BUG|DEADLOCK): /, '');
  const prefixed = body !== headline;
  const lower = body.toLowerCase();
  if (prefixed) {
    const irq = /^(HARDIRQ|SOFTIRQ|RECLAIM_FS)-safe -> (?:HARDIRQ|SOFTIRQ|RECLAIM_FS)-unsafe/.exec(body);
    if (irq) return { ...emptyReport('irq-safe-to-unsafe', body, at), irq: irq[1] ?? '' };
    const held = /^(.{1,40}\/\d{1,10}) still has locks held/.exec(body);
    if (held) return withTask(emptyReport('held-at-exit', body, at), held[1] ?? '');
  }
  for (const h of HEADLINES) {
    if (!lower.startsWith(h.starts)) continue;
    if (!prefixed && (h.kind === 'oops' || h.kind === 'kcsan' || h.kind === 'stall')) return null;
    const report = emptyReport(h.kind, body.replace(/[!.]$/, ''), at);
    const stuck = h.kind === 'stall' ? /\[(.{1,40}):(\d{1,10})\]$/.exec(body) : null;
    if (stuck) report.task = { comm: stuck[1] ?? '', pid: Number(stuck[2]) };
    return report;
  }
  return null;
}

function taskWorded(text: string, at: number): Report | null {
  const hung = /^INFO: task (.{1,40}):(\d{1,10}) blocked (?:in I\/O wait )?for more than (\d+) seconds/.exec(
    text,
  );
  if (hung) {
    const report = emptyReport('hung-task', text.slice(6), at);
    report.task = { comm: hung[1] ?? '', pid: Number(hung[2]) };
    report.blockedSeconds = Number(hung[3]);
    return report;
  }
  if (text === 'Showing all locks held in the system:') {
    return emptyReport('all-locks-held', 'Showing all locks held in the system', at);
  }
  return null;
}

function oops(text: string, at: number): Report | null {
  if (/^(?:general protection fault|divide error|stack segment|kernel BUG at )/.test(text)) {
    return emptyReport('oops', text, at);
  }
  const warn = /^WARNING: CPU: (\d+) PID: (\d+) at (\S+:\d+) (\S+)/.exec(text);
  if (!warn) return null;
  const report = emptyReport('oops', text, at);
  report.cpu = Number(warn[1]);
  const [file = '', line = '0'] = (warn[3] ?? '').split(':');
  report.place = {
    file,
    line: Number(line),
    message: 'a warning; if a lockdep_assert_held() stands there, its lock was not held',
  };
  return report;
}

function withTask(report: Report, text: string): Report {
  const task = parseTask(text);
  if (task) report.task = task;
  return report;
}

/** A chain without its headline, as commit messages quote it. */
export function startFragment(line: string, at: number): Report | null {
  const text = line.trim();
  if (/^-> #\d{1,3} \(/.test(text)) {
    const report = emptyReport('circular', 'possible circular locking dependency (chain only)', at);
    report.losses.push('The head of the report is missing: only its dependency chain is here.');
    return report;
  }
  return null;
}
