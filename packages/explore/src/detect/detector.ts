/**
 * The detectors: watch each new step of an execution and report the first thing that is wrong. A report ends the
 * execution, except for a WARN.
 */
import {
  DoubleFree,
  describe,
  type FieldInfo,
  KernelBug,
  Kind,
  MAX_LIST,
  Order,
  setWatch,
  type Watch,
} from '@faultline/machine';
import type { Events } from '../events.ts';
import type { FindingKind } from '../finding.ts';
import type { Run } from '../run.ts';
import { LockClasses } from './classes.ts';
import { Contexts } from './contexts.ts';
import { Held, Hold, heldSize } from './held.ts';
import type { LockUses } from './lock-uses.ts';
import { Orders } from './orders.ts';
import { Shadow, shadowSize } from './plain.ts';
import { type Access, type Report, Stop } from './report.ts';
import type { SiteUses } from './site-uses.ts';
import { State } from './state.ts';
import { SyncClocks, syncSize } from './sync.ts';
import { unlockProblem } from './unlock.ts';

export class Detector implements Watch {
  /** What ended this execution. */
  finding: Report | null = null;
  /** WARNs of this execution so far. */
  readonly warnings: Report[] = [];
  /** Keeps every plain access while set: for the other side of a race. */
  accesses: Access[] | null = null;
  onTrace: ((thread: number, name: string, text: string) => void) | null = null;
  onFence: ((thread: number, order: number) => void) | null = null;
  readonly held: Held;
  readonly classes: LockClasses;
  readonly contexts: Contexts;
  /** Every lock that was asked for, and what was held then; null if nobody wants to know. */
  uses: LockUses | null = null;
  /** Who changes the same place as each named operation; null if nobody wants to know. */
  sites: SiteUses | null = null;
  private readonly state: State;
  private readonly sync: SyncClocks;
  private readonly shadow: Shadow;
  private readonly orders: Orders;
  private readonly marks: Int32Array;
  private event = -1;

  constructor(
    private readonly run: Run,
    private readonly events: Events,
    bytes: number,
  ) {
    const threads = run.threads.all;
    const words = bytes >>> 2;
    const heldAt = shadowSize(bytes);
    const syncAt = heldAt + heldSize(threads);
    const ordersAt = syncAt;
    this.state = new State(syncAt + 2 + syncSize(threads, words));
    this.sync = new SyncClocks(this.state, threads, words, syncAt + 2);
    this.shadow = new Shadow(this.state, this.sync, threads, bytes, 0);
    this.classes = new LockClasses(run.setupEnd);
    this.contexts = new Contexts(run.setupEnd);
    this.held = new Held(this.state, this.classes, heldAt);
    this.orders = new Orders(this.sync, events, this.state, ordersAt);
    this.marks = new Int32Array(events.maxSteps + 2);
  }

  /** From now on everything is new: events from `event` on. */
  watchFrom(event: number): void {
    this.event = event;
    this.run.threads.onLocal = this.local;
    setWatch(this);
  }

  /** Nothing watches any more. */
  rest(): void {
    this.run.threads.onLocal = null;
    setWatch(null);
  }

  /** Remembers where the log stands after event `i`. */
  mark(i: number): void {
    this.marks[i + 1] = this.state.mark();
  }

  /** Back to what was known after event `i`; nothing watches until `watchFrom`. */
  undo(i: number): void {
    this.state.undoTo(this.marks[i + 1]);
    this.finding = null;
    while (this.warnings.length > 0 && this.warnings[this.warnings.length - 1].event > i) this.warnings.pop();
    this.orders.undo(i);
    this.rest();
  }

  /** Event `i` is about to happen; false if it must not. */
  step(i: number): boolean {
    const { events } = this;
    const t = events.thread[i];
    const kind = events.ops.kind[i];
    const addr = events.ops.addr[i];
    this.event = i;
    // What a flusher writes was looked at when its thread stored it.
    if (t >= events.programs) return true;
    if (addr !== 0 && this.shadow.freedBy(addr) !== 0) return this.useAfterFree(t, addr, 'accesses');
    if (events.ops.listLength[i] > 0 && !this.listLives(i, t)) return false;
    if (this.sites !== null) this.sites.seen(events.ops, i, t);
    if (kind <= Kind.ANDNOT) return this.cell(i, t, kind, addr);
    if (kind >= Kind.MUTEX_LOCK && kind <= Kind.SRCU_BEGIN) this.context(t, kind, addr);
    if (kind >= Kind.MUTEX_LOCK && kind <= Kind.RETRY && this.uses !== null)
      this.uses.asked(events.ops, i, t, i);
    if (kind >= Kind.MUTEX_LOCK && kind <= Kind.SRCU_UNLOCK && !this.lock(i, t, kind, addr)) return false;
    return true;
  }

  /** The kernel complains about a wrong context, and goes on. */
  private context(t: number, kind: number, addr: number): void {
    const problem = this.contexts.problem(this.held, t, kind, addr);
    if (problem === '') return;
    const what = 'sleeping function called from invalid context';
    this.warnings.push(this.describeReport(what, t, `BUG: ${problem}`, 'sleeps'));
  }

  private listLives(i: number, t: number): boolean {
    const { ops } = this.events;
    const base = i * MAX_LIST;
    for (let k = base; k < base + ops.listLength[i]; k++) {
      if (this.shadow.freedBy(ops.listAddr[k]) !== 0)
        return this.useAfterFree(t, ops.listAddr[k], 'accesses');
    }
    return true;
  }

  /** The thread has returned: it must not hold anything. */
  threadEnded(t: number): void {
    const { held } = this;
    const n = held.count(t);
    if (n === 0 || this.finding !== null) return;
    const what = held.how(t, n - 1) === Hold.SECTION ? 'a read section of ' : '';
    this.report('leaked lock', t, `returns holding ${what}${this.classes.name(held.lockClass(t, n - 1))}`);
  }

  /** A task threw. */
  thrown(error: unknown): void {
    if (this.finding !== null) return;
    const t = this.running();
    if (error instanceof KernelBug) this.report('BUG', t, `BUG: ${error.message}`);
    else if (error instanceof DoubleFree) this.report('double free', t, error.message);
    else this.report('exception', t, `throws ${String(error)}`, 'throws', undefined, stackOf(error));
  }

  plainRead(addr: number, _size: number, field: FieldInfo): void {
    const t = this.running();
    if (t < 0) return;
    if (this.accesses !== null) this.note(t, addr, false);
    if (this.shadow.freedBy(addr) !== 0) this.stop(this.useAfterFree(t, addr, 'reads'));
    if (field.guard !== null) this.guard(t, addr, field, false);
    this.orders.catchUp(this.event);
    const racing = this.shadow.read(t, addr);
    if (racing >= 0) this.stop(this.race(t, addr, 'reads', racing, true));
  }

  plainWrite(addr: number, _size: number, field: FieldInfo): void {
    const t = this.running();
    if (t < 0) return;
    if (this.accesses !== null) this.note(t, addr, true);
    if (this.shadow.freedBy(addr) !== 0) this.stop(this.useAfterFree(t, addr, 'writes'));
    if (field.guard !== null) this.guard(t, addr, field, true);
    this.orders.catchUp(this.event);
    const byWriter = this.shadow.unorderedWriter(t, addr) >= 0;
    const racing = this.shadow.write(t, addr);
    if (racing >= 0) this.stop(this.race(t, addr, 'writes', racing, byWriter));
  }

  allocated(addr: number, bytes: number): void {
    if (bytes > 0) this.shadow.allocate(addr, bytes);
  }

  /** A free is a write of the whole object: all accesses by others must be ordered before it. */
  freed(addr: number, bytes: number): void {
    const t = this.running();
    if (t < 0) return;
    if (this.shadow.freedBy(addr) !== 0) {
      this.stop(this.report('double free', t, `frees ${describe(addr).text} a second time`));
    }
    this.orders.catchUp(this.event);
    for (let a = addr; a < addr + bytes; a++) {
      const writer = this.shadow.unorderedWriter(t, a);
      const racing = writer >= 0 ? writer : this.shadow.unorderedReader(t, a);
      if (racing >= 0) this.stop(this.freeRace(t, a, racing, writer >= 0 ? 'writes' : 'reads'));
    }
    this.freedUnderCells(t, addr, bytes);
    this.shadow.free(addr, bytes, this.event);
  }

  warned(text: string): void {
    const t = this.running();
    if (t >= 0) this.warnings.push(this.describeReport('WARN', t, `WARN: ${text}`, 'warns'));
  }

  traced(name: string, text: string): void {
    if (this.onTrace !== null) this.onTrace(this.running(), name, text);
  }

  sectionEntered(domain: number, idx: number): void {
    this.held.push(this.running(), domain, Hold.SECTION, idx);
  }

  sectionLeft(domain: number, idx: number): void {
    const t = this.running();
    const k = this.held.find(t, domain, Hold.SECTION, idx);
    if (k >= 0) this.held.remove(t, k);
    else this.stop(this.wrongSection(t, domain, idx));
  }

  migrated(): void {}

  private readonly local = (t: number, order: number): void => {
    if (this.onFence !== null) this.onFence(t, order);
    this.orders.fence(this.event, t, order);
  };

  private cell(i: number, t: number, kind: number, addr: number): boolean {
    const order = this.events.ops.order[i];
    if (kind !== Kind.LOAD || order === Order.DEREFERENCE) {
      const field = this.classes.guardedCell(addr);
      if (field !== null && !this.cellGuard(t, addr, field, kind === Kind.LOAD)) return false;
    }
    return true;
  }

  private cellGuard(t: number, addr: number, field: FieldInfo, load: boolean): boolean {
    const guard = this.classes.guard(field);
    const needed = load ? guard.read : guard.write;
    if (needed.length === 0 || this.held.holdsAny(t, needed, !load)) return true;
    if (!load && guard.init && this.run.ownerOf(addr) === t) return true;
    const place = describe(addr).text;
    const locks = this.lockNames(needed);
    if (load) return this.report('suspicious RCU usage', t, `rcu_dereference(${place}) without ${locks}`);
    return this.report('wrong guard', t, `writes ${place} without ${locks}`);
  }

  private guard(t: number, addr: number, field: FieldInfo, write: boolean): void {
    const guard = this.classes.guard(field);
    const needed = write ? guard.write : guard.read;
    if (write && guard.init && this.run.ownerOf(addr) === t) return;
    if (needed.length === 0 && !(write && guard.init)) return;
    if (this.held.holdsAny(t, needed, write)) return;
    const verb = write ? 'writes' : 'reads';
    const rule = needed.length > 0 ? `without ${this.lockNames(needed)}` : 'after it was set up';
    this.stop(this.report('wrong guard', t, `${verb} ${describe(addr).text} ${rule}`, verb));
  }

  /** Takes or gives back a lock or section; false if the thread may not. */
  private lock(i: number, t: number, kind: number, addr: number): boolean {
    const { held, events } = this;
    switch (kind) {
      case Kind.MUTEX_TRYLOCK:
        if (this.run.wordAt(addr) === 0) held.push(t, addr, Hold.EXCLUSIVE, 0);
        return true;
      case Kind.MUTEX_LOCK:
      case Kind.SPIN_LOCK:
      case Kind.WRITE_LOCK:
        held.push(t, addr, Hold.EXCLUSIVE, 0);
        return true;
      case Kind.READ_LOCK:
        held.push(t, addr, Hold.SHARED, 0);
        return true;
      case Kind.WRITE_QUEUE:
        return true;
      case Kind.SRCU_LOCK:
        held.push(t, addr, Hold.SECTION, 0);
        return true;
      case Kind.SRCU_UNLOCK: {
        const k = held.find(t, addr, Hold.SECTION, events.ops.aLo[i]);
        if (k < 0) return this.wrongSection(t, addr, events.ops.aLo[i]);
        held.remove(t, k);
        return true;
      }
      default: {
        const how = kind === Kind.READ_UNLOCK ? Hold.SHARED : Hold.EXCLUSIVE;
        const k = held.find(t, addr, how, 0);
        if (k < 0)
          return this.report(
            'bad unlock',
            t,
            unlockProblem(held, this.classes, events.threads, t, addr, kind),
          );
        held.remove(t, k);
        return true;
      }
    }
  }

  private wrongSection(t: number, domain: number, idx: number): boolean {
    const name = describe(domain).text;
    return this.report(
      'suspicious RCU usage',
      t,
      `srcu_read_unlock(&${name}, ${idx}): not inside that section`,
    );
  }

  private lockNames(ids: Int32Array): string {
    return [...ids].map((id) => this.classes.name(id)).join(' or ') || 'being set up';
  }

  /** Cells of a freed object that others accessed without being ordered before the free. */
  private freedUnderCells(t: number, addr: number, bytes: number): void {
    const { head, partEvent, partBefore, thread, programs, buffered } = this.events;
    for (let word = addr >>> 2; word < (addr + bytes) >>> 2; word++) {
      for (let e = head[word]; e >= 0; e = partBefore[e]) {
        // What a flusher wrote, its thread stored.
        const k = thread[partEvent[e]] < programs ? partEvent[e] : (buffered?.partner[partEvent[e]] ?? 0);
        if (thread[k] === t || this.sync.covers(t, thread[k], this.orders.epochOf(k))) continue;
        this.stop(this.freeRace(t, word << 2, thread[k], 'accesses'));
      }
    }
  }

  private freeRace(t: number, addr: number, other: number, how: string): boolean {
    const place = describe(addr).text;
    const message = `frees the object of ${place}, unordered with thread ${other} that ${how} it`;
    return this.report('use after free', t, message, `frees ${place}`, {
      thread: other,
      doing: `${how} ${place}`,
      sites: this.lastAccess(other, addr),
    });
  }

  private useAfterFree(t: number, addr: number, verb: string): boolean {
    const place = describe(addr).text;
    const by = this.shadow.freedBy(addr) - 2;
    const other = by >= 0 ? this.events.thread[by] : t;
    const message = `${verb} ${place} after it was freed`;
    return this.report('use after free', t, message, `${verb} ${place}`, {
      thread: other,
      doing: `frees ${describe(addr).object?.as ?? place}`,
      sites: [],
    });
  }

  private race(t: number, addr: number, verb: string, other: number, otherWrites: boolean): boolean {
    const place = describe(addr).text;
    const how = otherWrites ? 'writes' : 'reads';
    return this.report(
      'data race',
      t,
      `${verb} ${place}, unordered with another thread that ${how} it`,
      `${verb} ${place}`,
      {
        thread: other,
        doing: `${how} ${place}`,
        sites: this.lastAccess(other, addr),
      },
    );
  }

  private lastAccess(thread: number, addr: number): readonly number[] {
    return this.accesses?.findLast((a) => a.thread === thread && a.addr === addr)?.sites ?? [];
  }

  private note(thread: number, addr: number, write: boolean): void {
    const sites = this.run.threads.callPath(thread);
    this.accesses?.push({ thread, event: this.event, addr, write, sites });
  }

  private report(
    kind: FindingKind,
    t: number,
    message: string,
    doing = message,
    other?: Report['other'],
    stack?: string,
  ): boolean {
    if (this.finding !== null) return false;
    const report = this.describeReport(kind, t, message, doing, other);
    this.finding = stack === undefined ? report : { ...report, stack };
    return false;
  }

  private describeReport(
    kind: FindingKind,
    thread: number,
    message: string,
    doing: string,
    other?: Report['other'],
  ): Report {
    const sites = this.run.threads.callPath(thread);
    const report = { kind, message, thread, event: this.event, sites, doing };
    return other === undefined ? report : { ...report, other };
  }

  private stop(_reported: boolean): never {
    throw new Stop();
  }

  /** The thread that runs, -1 for set-up and oracles. */
  private running(): number {
    return this.run.threads.running();
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? '') : '';
}
