/**
 * The order of locks as it is observed: each request for a lock, a grace period or a value, with the stack of locks held
 * at that moment, whether interrupts are off, and the call path. What is distinct is kept once, with the execution that
 * showed it first, so that after the first executions nothing is added.
 */
import { describe, Kind, MAX_LIST } from '@faultline/machine';
import type { Events } from '../events.ts';
import type { Frame } from '../finding.ts';
import { framesOf } from '../frames.ts';
import type { OpTable } from '../op-table.ts';
import type { Schedule } from '../schedule.ts';
import type { Threads } from '../threads.ts';
import type { LockClasses } from './classes.ts';
import { type Held, Hold, type HowHeld } from './held.ts';

/** How a lock is held: alone, with other readers, or as a read section of an SRCU domain. */
export interface HeldLock {
  readonly lock: string;
  readonly how: HowHeld;
}

/**
 * What is asked for: the call as the kernel spells it. `wait`: for others to write a value. `irqs_on`: nothing is, but
 * interrupts come back on with the lock held, alone or with other readers.
 */
export type Asked =
  | 'mutex_lock'
  | 'mutex_trylock'
  | 'spin_lock'
  | 'read_lock'
  | 'write_lock'
  | 'srcu_read_lock'
  | 'synchronize_srcu'
  | 'wait'
  | 'irqs_on'
  | 'irqs_on_read';

export interface LockUse {
  /** Its class: `kvm->slots_lock`; for a wait, the cell. */
  readonly lock: string;
  readonly asked: Asked;
  /** Outermost first. */
  readonly held: readonly HeldLock[];
  /** The lock itself, or one that is held, is taken with interrupts off. */
  readonly irqsOff: boolean;
  /** Threads of the scenario that asked. */
  readonly threads: readonly string[];
  /** The call paths that led there, outermost call first; the first ones if there are very many. */
  readonly paths: readonly (readonly Frame[])[];
  /** For each path an execution up to the request, which is not part of it. */
  readonly schedules: readonly Schedule[];
}

const MAX_PATHS = 24;
/** Classes below this make keys that are small integers, which a Map finds without an allocation; others make negative ones. */
const FEW_CLASSES = 512;
/** More than an arena has words. */
const ALL_CLASSES = 1 << 20;
/** Codes of held locks come after those of requests. */
const HELD = 28;
/** Added to the code of a request that leaves interrupts on where its lock would have them off. */
const IRQS_ON = 32;
/** Codes of `irqs_on` and `irqs_on_read`: those of no operation. */
const RESTORED = 60;
const CODES = 64;

const ASKED: Readonly<Record<number, Asked>> = {
  [Kind.MUTEX_LOCK]: 'mutex_lock',
  [Kind.MUTEX_TRYLOCK]: 'mutex_trylock',
  [Kind.SPIN_LOCK]: 'spin_lock',
  [Kind.READ_LOCK]: 'read_lock',
  [Kind.WRITE_LOCK]: 'write_lock',
  [Kind.SRCU_LOCK]: 'srcu_read_lock',
  [Kind.SRCU_BEGIN]: 'synchronize_srcu',
  [Kind.AWAIT]: 'wait',
  [Kind.RETRY]: 'wait',
};

interface Watched {
  readonly held: Held;
  readonly classes: LockClasses;
}

interface Noted {
  readonly lock: number;
  readonly asked: Asked;
  readonly held: readonly HeldLock[];
  readonly irqsOff: boolean;
  threads: number;
  readonly digests: Set<number>;
  readonly paths: number[][];
  readonly prefixes: Prefix[];
}

/** Threads, then choices. */
type Prefix = readonly [Int32Array, Int32Array];

export class LockUses {
  /** A tree of stacks: node and what is added to it, to the node for both. */
  private readonly children = new Map<number, number>();
  private nodes = 1;
  private readonly noted = new Map<number, Noted>();
  private upto = 0;
  /** Whether locks of a class are taken with interrupts off. */
  private readonly irqClasses = new Map<number, boolean>();

  constructor(
    private readonly threads: Threads,
    private readonly watched: Watched,
    private readonly events: Pick<Events, 'thread' | 'choice' | 'depth'>,
  ) {}

  /** Thread `t` asks for what row `i` says, after `upto` events; nothing is noted for what is no request. */
  asked(ops: OpTable, i: number, t: number, upto: number): void {
    this.upto = upto;
    const kind = ops.kind[i];
    const asked = ASKED[kind];
    if (asked === undefined) {
      if (kind === Kind.SPIN_UNLOCK || kind === Kind.WRITE_UNLOCK || kind === Kind.READ_UNLOCK)
        this.released(t, ops.addr[i]);
      return;
    }
    if (kind <= Kind.WRITE_LOCK) this.note(t, asked, ops.aLo[i] === 1 ? kind + IRQS_ON : kind, ops.addr[i]);
    else if (asked !== 'wait') this.note(t, asked, kind, ops.addr[i]);
    else if (this.watched.held.count(t) === 0) return;
    else if (kind === Kind.AWAIT) this.note(t, asked, kind, ops.addr[i]);
    else {
      const base = i * MAX_LIST;
      for (let k = base; k < base + ops.listLength[i]; k++) this.note(t, asked, kind, ops.listAddr[k]);
    }
  }

  /** The execution goes no further: what threads would do next, they ask for. */
  pending(): void {
    const { threads } = this;
    for (let t = 0; t < threads.count; t++)
      if (threads.finished[t] === 0) this.asked(threads.ops, t, t, this.events.depth);
  }

  all(names: readonly string[]): LockUse[] {
    return [...this.noted.values()].map((noted) => ({
      lock: this.watched.classes.name(noted.lock),
      asked: noted.asked,
      held: noted.held,
      irqsOff: noted.irqsOff,
      threads: names.filter((_, t) => ((noted.threads >>> t) & 1) === 1),
      paths: noted.paths.map(framesOf),
      // Of hundreds hardly one is looked at.
      get schedules() {
        return noted.prefixes.map(scheduleOf);
      },
    }));
  }

  /** With the lock that kept interrupts off they come back, and find what else is held. */
  private released(t: number, addr: number): void {
    const { held } = this.watched;
    const n = held.count(t);
    if (n < 2 || !this.switchesOff(addr)) return;
    for (let k = 0; k < n; k++) if (held.addr(t, k) !== addr && this.switchesOff(held.addr(t, k))) return;
    for (let k = 0; k < n; k++) {
      const how = held.how(t, k);
      if (held.addr(t, k) === addr || how === Hold.SECTION) continue;
      this.note(t, how === Hold.SHARED ? 'irqs_on_read' : 'irqs_on', RESTORED + how, held.addr(t, k));
    }
  }

  private switchesOff(addr: number): boolean {
    const lock = this.watched.classes.of(addr);
    let known = this.irqClasses.get(lock);
    if (known === undefined) {
      known = takenWithIrqsOff(addr);
      this.irqClasses.set(lock, known);
    }
    return known;
  }

  private note(t: number, asked: Asked, code: number, addr: number): void {
    const { held, classes } = this.watched;
    let node = 0;
    for (let k = 0, n = held.count(t); k < n; k++) {
      node = this.child(node, held.lockClass(t, k), HELD + held.how(t, k));
    }
    const lock = classes.of(addr);
    node = this.child(node, lock, code);
    let noted = this.noted.get(node);
    if (noted === undefined) {
      noted = {
        ...this.context(t, code, addr),
        lock,
        asked,
        threads: 0,
        digests: new Set(),
        paths: [],
        prefixes: [],
      };
      this.noted.set(node, noted);
    }
    noted.threads |= 1 << t;
    const digest = this.threads.pathDigest(t);
    if (noted.digests.has(digest) || noted.paths.length === MAX_PATHS) return;
    noted.digests.add(digest);
    noted.paths.push(this.threads.callPath(t));
    noted.prefixes.push(this.soFar());
  }

  private child(node: number, lock: number, code: number): number {
    const key =
      lock < FEW_CLASSES
        ? (node * FEW_CLASSES + lock) * CODES + code
        : -((node * ALL_CLASSES + lock) * CODES + code);
    const known = this.children.get(key);
    if (known !== undefined) return known;
    this.children.set(key, this.nodes);
    return this.nodes++;
  }

  private context(t: number, code: number, addr: number): Pick<Noted, 'held' | 'irqsOff'> {
    const held = this.watched.held.all(t);
    const irqsOff =
      code < RESTORED &&
      ((code < IRQS_ON && this.switchesOff(addr)) || held.some((h) => this.switchesOff(h.address)));
    return { held: held.map(({ lock, how }) => ({ lock, how })), irqsOff };
  }

  private soFar(): Prefix {
    const { thread, choice } = this.events;
    return [thread.slice(0, this.upto), choice.slice(0, this.upto)];
  }
}

function takenWithIrqsOff(addr: number): boolean {
  return describe(addr).info?.type.irqsOff === true;
}

function scheduleOf([threads, choices]: Prefix): Schedule {
  return { threads: [...threads], choices: [...choices] };
}
