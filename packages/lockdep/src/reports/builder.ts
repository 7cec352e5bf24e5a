import type { CallFrame } from '../graph/graph.ts';
import { parseFrame } from './frames.ts';
import { type LockRef, parseLockPair, parseLockRef } from './lock-ref.ts';
import { parseTask, type Report } from './report.ts';

/** Where the next lock line or frame belongs. */
type Slot =
  | 'none'
  | 'wanted'
  | 'holding'
  | 'changed'
  | 'safe'
  | 'unsafe'
  | 'newEdge'
  | 'chain'
  | 'shown'
  | 'held'
  | 'path'
  | 'scenario'
  | 'stack'
  | 'access'
  | 'notHeld'
  | 'usage';

const MAX_FRAMES = 400;
const MAX_ALL_FRAMES = 3000;
const MAX_PATHS = 64;
const MAX_LISTS = 1000;
const MAX_LOCKS = 4000;
/** Links of a chain: no cycle that anyone has reported comes near. */
const MAX_LINKS = 100;

/**
 * Fills one report from its lines. Understands each line by its own words and by the section it stands in, never
 * by blank lines or indentation, which mail and web pages lose.
 */
export class ReportBuilder {
  readonly report: Report;
  private slot: Slot = 'none';
  private frames: CallFrame[];
  private done = false;
  private stackSeen = false;
  private framesKept = 0;
  private locksKept = 0;

  constructor(report: Report) {
    this.report = report;
    this.frames = report.stack;
    if (report.kind === 'kcsan') this.slot = 'access';
  }

  /** True when the line belongs to the report. */
  line(text: string, at: number): boolean {
    if (this.done) return false;
    const t = text.trim();
    if (t === '') return true;
    const taken = this.take(t);
    if (taken) this.report.last = at;
    return taken;
  }

  private take(t: string): boolean {
    if (isRule(t)) return this.rule();
    if (t === '...' || t === '[...]' || t === '[snip]') return this.trimmed();
    return this.lockLine(t) || this.sentence(t) || this.section(t) || this.detail(t) || this.frame(t);
  }

  /** A row of = or -. After the backtrace it closes the report (KCSAN, KASAN). */
  private rule(): boolean {
    if (this.stackSeen && this.report.kind === 'kcsan') this.done = true;
    return true;
  }

  private trimmed(): boolean {
    // Lockdep prints three dots itself before the path of an unsafe lock.
    if (this.slot === 'path' && this.frames.length === 0) return true;
    const what = this.slot === 'stack' ? 'The backtrace' : 'The report';
    const loss = `${what} was shortened by hand ("...").`;
    this.lose(loss);
    if (this.slot === 'stack') this.report.stackCut ??= this.frames.length;
    return true;
  }

  private lose(loss: string): void {
    if (!this.report.losses.includes(loss)) this.report.losses.push(loss);
  }

  private lockLine(t: string): boolean {
    if (!t.includes('){')) return false;
    const pair = parseLockPair(t);
    if (pair) {
      this.report.newEdge = pair;
      return true;
    }
    const ref = parseLockRef(t);
    if (!ref) return false;
    if (t.startsWith('-> #') && ref.index !== undefined) return this.openChain(ref);
    if (t.startsWith('->') || t.endsWith('{')) {
      this.slot = 'usage';
      return true;
    }
    if (t.startsWith('#') && ref.index !== undefined) return this.heldLock(ref);
    return this.assign(ref);
  }

  private openChain(ref: LockRef): boolean {
    const path: CallFrame[] = [];
    const bare = { lock: ref.lock, ...(ref.instance === undefined ? {} : { instance: ref.instance }) };
    if (this.report.chain.length < MAX_LINKS)
      this.report.chain.push({ index: ref.index ?? 0, ref: bare, path });
    else this.lose('The dependency chain has more links than are kept.');
    this.frames = path;
    this.slot = 'chain';
    return true;
  }

  private heldLock(ref: LockRef): boolean {
    const { held } = this.report;
    const list = held[held.length - 1];
    if (!list) {
      held.push({ task: null, declared: 0, locks: [ref] });
      return true;
    }
    const previous = list.locks[list.locks.length - 1];
    if (previous && previous.index === ref.index && previous.instance === ref.instance) {
      // A symbolizer repeats the line for each inlined caller: the last one is the function itself.
      list.locks[list.locks.length - 1] = ref;
    } else if (this.locksKept++ < MAX_LOCKS) list.locks.push(ref);
    return true;
  }

  private assign(ref: LockRef): boolean {
    const r = this.report;
    switch (this.slot) {
      case 'wanted':
        r.wanted = ref;
        return true;
      case 'holding':
        r.holding = ref;
        return true;
      case 'safe':
        r.safeLock = ref;
        return true;
      case 'unsafe':
        r.unsafeLock = ref;
        return true;
      case 'changed':
        if (r.kind === 'irq-inversion' && !r.wanted) r.wanted = ref;
        else r.holding = ref;
        return true;
      default:
        if (r.kind === 'held-lock-freed' && !r.wanted) r.wanted = ref;
        return true;
    }
  }

  /** Lines that name the task and say what the next lock line is. */
  private sentence(t: string): boolean {
    const r = this.report;
    const acquire = t.search(
      / is trying to (?:acquire|lock|release|contend|access)| takes:$| just changed the state| is (?:freeing|leaving|exiting)/,
    );
    if (acquire > 0) {
      const head = t.slice(0, acquire).replace(/ \[HC.*$/, '');
      const task = parseTask(head);
      if (task) r.task = task;
      this.slot = t.includes('just changed') ? 'changed' : 'wanted';
      this.releaseLine(t);
      this.freedLine(t);
      return true;
    }
    const held = /^(\d{1,4}|no) locks? held (?:by|on) (.{1,60}?)[:.]$/.exec(t);
    if (held) {
      const task = parseTask(held[2] ?? '');
      const declared = held[1] === 'no' ? 0 : Number(held[1]);
      if (task && !r.task && r.kind !== 'all-locks-held') r.task = task;
      if (r.held.length < MAX_LISTS) r.held.push({ task, declared, locks: [] });
      else this.lose('There are more lists of held locks than are kept.');
      this.slot = 'held';
      return true;
    }
    return this.slotSentence(t);
  }

  private slotSentence(t: string): boolean {
    const slots: readonly [RegExp, Slot][] = [
      [/already holding(?: lock)?:?$/, 'holding'],
      [/^but this task is not holding:?$/, 'notHeld'],
      [/^but (?:this|the) new dependency connects a/, 'safe'],
      [/^to a .*unsafe lock:?$/, 'unsafe'],
      [/^but this lock (?:took another|was taken by another)/, 'unsafe'],
      [/^which would create a new lock dependency/, 'newEdge'],
      [/^which lock already depends/, 'none'],
      [/^and interrupts could create inverse/, 'none'],
      [/^the existing dependency chain/, 'none'],
      [/^Chain exists of/, 'shown'],
      [/^the (?:shortest )?dependenc(?:ies|y)/, 'usage'],
      [/^other info that might help/, 'none'],
    ];
    for (const [pattern, slot] of slots) {
      if (!pattern.test(t)) continue;
      this.slot = slot;
      return true;
    }
    if (this.slot === 'notHeld') {
      this.report.notHeld = t.slice(0, 200);
      this.slot = 'none';
      return true;
    }
    if (this.slot === 'shown' && t.includes(' --> ')) {
      this.report.shown = t.split(' --> ').map((s) => s.trim());
      return true;
    }
    return false;
  }

  private releaseLine(t: string): void {
    const m = /is trying to release lock \((.{1,200})\) at:?$/.exec(t);
    if (!m) return;
    const name = m[1] ?? '';
    this.report.wanted = { lock: { name, base: name, version: 1, subclass: 0 } };
    this.frames = [];
    this.slot = 'path';
    this.report.paths.push({ label: 'released at', frames: this.frames });
  }

  private freedLine(t: string): void {
    const m = /is freeing memory ([0-9a-f]+)-([0-9a-f]+)/.exec(t);
    if (m) this.report.freed = { from: m[1] ?? '', to: m[2] ?? '' };
    if (t.includes('is freeing') || t.includes('is leaving') || t.includes('is exiting')) this.slot = 'none';
  }

  /** Headings that open a call path. */
  private section(t: string): boolean {
    if (/^(?:stack backtrace|Call [Tt]race|Backtrace)(?::|$)/.test(t)) {
      // Only the first backtrace is the report's own; later ones belong to other tasks.
      this.frames = this.report.stack.length > 0 ? [] : this.report.stack;
      this.slot = 'stack';
      this.stackSeen = true;
      return true;
    }
    const became =
      /^(?:\.\.\. )?(?:which became (\S+) at|\{([A-Z-]+)\} state was registered at|(acquired|key)\s+at|(Preemption disabled) at)\b/.exec(
        t,
      );
    if (became) return this.openPath(became[1] ?? became[2] ?? became[3] ?? became[4] ?? '');
    if (/^(?:IN|HARDIRQ|SOFTIRQ|INITIAL|RECLAIM)[A-Z_ -]* (?:at|use at):/i.test(t)) {
      this.slot = 'usage';
      return true;
    }
    if (/^Possible (?:interrupt )?unsafe locking scenario|^Possible unsafe/.test(t)) {
      this.slot = 'scenario';
      return true;
    }
    if (
      this.slot === 'scenario' &&
      /^(?:CPU\d|----|lock\(|<Interrupt>|local_irq_disable|\w*lock\w*\()/.test(t)
    ) {
      return this.scenario(t);
    }
    return /^\*\*\* DEADLOCK|^but there are no more locks|^and (?:HARDIRQ|SOFTIRQ|RECLAIM)\S*-unsafe lock|^turning off the locking|^May be due to missing|^<\/?(?:TASK|IRQ|NMI|SOFTIRQ)>|^\}|^\.\.\.$/.test(
      t,
    );
  }

  /** In the scenario, the lock after <Interrupt> is the one the handler waits for. */
  private scenario(t: string): boolean {
    if (t.startsWith('<Interrupt>')) this.report.interruptTakes = '';
    const lock = /^lock\((.{1,200})\);?$/.exec(t);
    if (lock && this.report.interruptTakes === '') this.report.interruptTakes = lock[1] ?? '';
    return true;
  }

  private openPath(label: string): boolean {
    this.frames = [];
    if (label === 'key' || label === 'acquired') this.slot = 'usage';
    else {
      this.slot = 'path';
      if (this.report.paths.length < MAX_PATHS) this.report.paths.push({ label, frames: this.frames });
    }
    return true;
  }

  private detail(t: string): boolean {
    return takeDetail(this.report, t, (frames) => {
      this.frames = frames;
      this.slot = 'access';
    });
  }

  private frame(t: string): boolean {
    const frame = parseFrame(t);
    if (!frame) return false;
    if (this.slot === 'usage') return true;
    if (this.slot === 'held' || this.slot === 'none' || this.slot === 'scenario') {
      this.frames = this.report.stack;
      this.slot = 'stack';
    }
    if (this.frames.length < MAX_FRAMES && this.framesKept++ < MAX_ALL_FRAMES) this.frames.push(frame);
    return true;
  }
}

function isRule(t: string): boolean {
  if (t.length < 5) return false;
  const c = t.charCodeAt(0);
  if (c !== 61 && c !== 45) return false;
  for (let i = 1; i < t.length; i++) if (t.charCodeAt(i) !== c) return false;
  return true;
}

/** Lines with one fact each, whatever the section. */
function takeDetail(r: Report, t: string, openAccess: (frames: CallFrame[]) => void): boolean {
  const first = t.charCodeAt(0);
  if (first === 67 /* C */) {
    const cpu =
      /^CPU: (\d{1,5}) (?:UID: \d+ )?PID: (\d{1,10}) Comm: (.{1,40}?) (?:Not tainted|Tainted: [A-Z\s[\]=,_]*?)\s+(\S+)/.exec(
        t,
      );
    if (cpu) {
      r.cpu = Number(cpu[1]);
      r.task ??= { comm: cpu[3] ?? '', pid: Number(cpu[2]) };
      r.kernel ??= cpu[4] ?? '';
      return true;
    }
    return t.startsWith('Code: ') || t.startsWith('CR2') || t.startsWith('CS: ') || t.startsWith('CPU: ');
  }
  const kernel =
    /^(\S{1,80}) #\d+ (?:Not tainted|Tainted)/.exec(t) ??
    /^(\d+\.\d+\S*) .{0,60}(?:Not tainted|Tainted)/.exec(t);
  if (kernel) {
    r.kernel = kernel[1] ?? '';
    return true;
  }
  const taint = /^(?:Not tainted|Tainted: [A-Z\s[\]=,_]{1,60}?)\s+(\d\S{1,80})/.exec(t);
  if (taint) {
    r.kernel = taint[1] ?? '';
    return true;
  }
  return stateFact(r, t) || kcsanFact(r, t, openAccess) || atomicFact(r, t) || isRegisterDump(r, t);
}

function stateFact(r: Report, t: string): boolean {
  const states = /^inconsistent \{([A-Z-]+)\} -> \{([A-Z-]+)\} usage/.exec(t);
  if (states) {
    r.states = { from: states[1] ?? '', to: states[2] ?? '' };
    return true;
  }
  const context = /^context-\{(\d:\d|\d)\}/.exec(t);
  if (context) {
    r.waitContext = context[1] ?? '';
    return true;
  }
  const rcu = /^(?:\.\/)?([\w./-]{3,120}):(\d{1,7}) (.{3,160})$/.exec(t);
  if (rcu && r.kind === 'suspicious-rcu' && !r.place) {
    r.place = { file: rcu[1] ?? '', line: Number(rcu[2]), message: (rcu[3] ?? '').replace(/!$/, '') };
    return true;
  }
  const owner = /^INFO: task .{1,60} is blocked on (?:a|an) .{1,30} likely owned by task (.{1,60}?)\.?$/.exec(
    t,
  );
  if (owner) {
    r.likelyOwner = owner[1] ?? '';
    return true;
  }
  return /^rcu_scheduler_active|^Workqueue: |^Hardware name:|^irq event stamp|^(?:hard|soft)irqs last|^rcu: /.test(
    t,
  );
}

function kcsanFact(r: Report, t: string, openAccess: (frames: CallFrame[]) => void): boolean {
  const access =
    /^(?:race at unknown origin, with )?((?:assert no writes|assert no accesses|write|read|read-write|marked)[a-z ()-]{0,40}) to (0x[0-9a-f]+|[0-9a-f]{8,16}) of (\d+) bytes by (.{1,40}?) on cpu (\d+):$/.exec(
      t,
    );
  if (access && r.accesses.length < 16) {
    const frames: CallFrame[] = [];
    r.accesses.push({
      what: access[1] ?? '',
      address: access[2] ?? '',
      bytes: Number(access[3]),
      by: access[4] ?? '',
      cpu: Number(access[5]),
      frames,
    });
    openAccess(frames);
    return true;
  }
  const value = /^value changed: (0x[0-9a-f]+) -> (0x[0-9a-f]+)/.exec(t);
  if (value) r.valueChanged = { from: value[1] ?? '', to: value[2] ?? '' };
  return value !== null || t.startsWith('Reported by Kernel Concurrency Sanitizer');
}

function atomicFact(r: Report, t: string): boolean {
  const atomic = /^in_atomic\(\): (\d+), irqs_disabled\(\): (\d+),.{0,40}pid: (\d+), name: (.{1,40})$/.exec(
    t,
  );
  if (atomic) {
    r.atomic = { inAtomic: Number(atomic[1]), irqsDisabled: Number(atomic[2]) };
    r.task = { comm: atomic[4] ?? '', pid: Number(atomic[3]) };
    return true;
  }
  if (t.startsWith('at ') && r.kind === 'sleeping-in-atomic') return true;
  if (r.kind === 'hung-task' && /^(?:"echo 0 >|task:)/.test(t)) return true;
  if (/^depth: \d+ {1,3}max: \d+/.test(t)) return true;
  return /^preempt_count: |^RCU nest depth: |^INFO: lockdep is turned off/.test(t);
}

function isRegisterDump(r: Report, t: string): boolean {
  const syscall = /ORIG_RAX: ([0-9a-f]{16})/.exec(t);
  if (syscall) r.user = { syscall: Number.parseInt(syscall[1] ?? '', 16), request: r.user?.request ?? 0 };
  const request = /\bRSI: ([0-9a-f]{16})/.exec(t);
  if (request && r.user) r.user = { ...r.user, request: Number.parseInt((request[1] ?? '').slice(8), 16) };
  const rip = /^(?:RIP|IP|pc|PC)(?: is at|:| :) (?:[0-9a-f]{4}:)?([A-Za-z_][\w.]*)\+0x/.exec(t);
  if (rip && (r.kind === 'oops' || r.kind === 'stall') && r.stack.length === 0 && r.paths.length === 0) {
    r.paths.push({ label: 'faulted in', frames: [{ fn: rip[1] ?? '' }] });
    return true;
  }
  return /^(?:RIP|IP|RSP|R[A-Z0-9]{2}|FS|GS|DR\d|PGD|PKRU|Oops|Modules linked|Dumping ftrace|task: |\(ftrace buffer|---\[ end|r\d+:|Exception stack|[0-9a-f]{4}: {1,60}[0-9a-f]{8}|x\d+ *:|sp :|lr :|[0-9a-f]{16} [0-9a-f]{16})/.test(
    t,
  );
}
