import { describeUsage, describeWait } from '../graph/lock-class.ts';
import { askingOf } from '../reports/acquire.ts';
import { formatFrame } from '../reports/frames.ts';
import { formatTask, type Report, type ReportKind } from '../reports/report.ts';

/** What each kind of report claims, for a reader who sees one for the first time. */
const MEANING: Readonly<Record<ReportKind, string>> = {
  circular:
    'Locks were taken in orders that, put together, form a circle. Nothing hung yet: lockdep saw each order once, possibly hours apart.',
  recursive: 'A task asked for a lock of a class it already holds.',
  'inconsistent-state': 'A lock is taken in an interrupt, and elsewhere with that interrupt enabled.',
  'irq-safe-to-unsafe':
    'A lock taken in interrupts was connected to one that is held with interrupts enabled.',
  'irq-inversion':
    'A lock used in interrupts was taken before, through others, around one that interrupts can delay.',
  'invalid-wait-context':
    'A lock that may wait longer than this context allows was taken (checked for PREEMPT_RT; not a deadlock by itself).',
  'bad-unlock-balance': 'A lock was released that this task does not hold.',
  'bad-contention': 'A task waits for a lock that nobody is recorded to hold.',
  'held-lock-freed': 'Memory was freed or initialised again with a held lock inside.',
  'held-at-exit': 'A task exits (or sleeps in the freezer) with locks held.',
  'held-at-return': 'A system call returned to user space with locks held.',
  'nested-lock-not-taken': 'A nesting annotation names an outer lock that is not held.',
  limit:
    "One of lockdep's own tables is full. This is a limit, not a deadlock: lockdep stops checking until the next boot.",
  'non-static-key': 'A lock was used before it was initialised, or lies in memory that cannot hold a key.',
  'suspicious-rcu':
    'An RCU- or SRCU-protected pointer was used without the read section or lock that protects it.',
  'sleeping-in-atomic': 'Something that may sleep was called where sleeping is not allowed.',
  'scheduling-in-atomic': 'The scheduler was entered where preemption is off.',
  'hung-task': 'A task has not run for a long time while waiting uninterruptibly.',
  'all-locks-held':
    'The hung-task watchdog listed all tasks that hold locks. The lists do not say who waits: a lock is listed from the moment it is asked for.',
  stall:
    'A CPU, or a worker, made no progress for a long time: it spins for a lock, or loops with preemption off.',
  kcsan: 'Two accesses to one location were not ordered, and at least one was a write.',
  oops: 'The kernel crashed or warned. This is no locking report; it is shown because it stands in the same log.',
};

export function meaningOf(r: Report): string {
  return MEANING[r.kind];
}

/** Facts that only some kinds have, each one sentence. */
export function factsOf(r: Report): string[] {
  const said: string[] = [];
  if (r.states) said.push(`It was used as {${r.states.from}} before and is used as {${r.states.to}} now.`);
  if (r.wanted?.lock.usage && r.states) said.push(`Use so far: ${describeUsage(r.wanted.lock.usage)}.`);
  for (const p of r.paths) {
    const f = p.frames.find((x) => !/^(?:_*lock_acquire|_raw_|__mutex)/.test(x.fn)) ?? p.frames[0];
    if (f && p.label !== 'faulted in' && p.label !== 'released at')
      said.push(`${labelOf(p.label)} ${formatFrame(f)}.`);
  }
  if (r.waitContext && r.wanted?.lock.wait) {
    const [, inner = r.waitContext] = r.waitContext.split(':');
    said.push(
      `The context allows type ${inner}: ${describeWait(Number(inner))}. The lock is type ${r.wanted.lock.wait.inner}: ${describeWait(r.wanted.lock.wait.inner)}.`,
    );
  }
  if (r.place) said.push(`${r.place.file}:${r.place.line}: ${r.place.message}.`);
  const released = r.kind === 'bad-unlock-balance' ? r.wanted?.lock.base : undefined;
  if (released !== undefined && r.held.some((h) => h.locks.some((l) => l.lock.base === released))) {
    said.push(
      `The task does hold a lock of class ${released}: the one it releases is another of that class.`,
    );
  }
  if (r.notHeld) said.push(`The annotation names ${r.notHeld}, which the task does not hold.`);
  if (r.freed) said.push(`The memory is ${r.freed.from} to ${r.freed.to}.`);
  if (r.atomic) said.push(atomicOf(r));
  if (r.blockedSeconds !== undefined && r.task)
    said.push(`${formatTask(r.task)} has been blocked for more than ${r.blockedSeconds} seconds.`);
  if (r.kind === 'hung-task' && r.stack.length > 0) {
    const { op } = askingOf('', r.stack);
    if (op !== 'lock') said.push(`It waits in ${op}().`);
  }
  if (r.likelyOwner) said.push(`The lock it waits for is likely owned by ${r.likelyOwner}.`);
  if (r.limit) said.push(limitOf(r.limit));
  return [...said, ...kcsanFacts(r)];
}

function labelOf(label: string): string {
  if (label === 'Preemption disabled') return 'Preemption was disabled at';
  if (/-(?:safe|unsafe)$/.test(label)) return `It became ${label} in`;
  return `{${label}} was seen in`;
}

function atomicOf(r: Report): string {
  if (r.atomic?.irqsDisabled) return 'Interrupts are disabled here.';
  if (r.atomic?.inAtomic) return 'Preemption is disabled here.';
  return 'Preemption and interrupts are on: an RCU read section is what forbids sleeping (see the locks held).';
}

function limitOf(limit: string): string {
  if (limit === 'MAX_LOCK_DEPTH')
    return "One task holds 48 locks: usually a loop that locks many objects of one class (taking every vCPU's mutex does).";
  return `Raise the limit (${limit}), or look for classes that are registered again and again: /proc/lockdep_stats tells how full the tables are.`;
}

function kcsanFacts(r: Report): string[] {
  const said: string[] = [];
  for (const a of r.accesses) {
    const f = a.frames[0];
    said.push(
      `${a.what} of ${a.bytes} byte${a.bytes === 1 ? '' : 's'} at ${a.address} by ${a.by} on CPU ${a.cpu}${f ? ` in ${formatFrame(f)}` : ''}.`,
    );
  }
  if (r.valueChanged)
    said.push(`The value changed from ${r.valueChanged.from} to ${r.valueChanged.to} meanwhile.`);
  if (r.accesses.length > 0)
    said.push(
      'Whether it is harmless is a question about the value: mark it (READ_ONCE, WRITE_ONCE, data_race) or order it.',
    );
  return said;
}
