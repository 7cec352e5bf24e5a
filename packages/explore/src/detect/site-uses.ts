/**
 * What others do to the place that a named operation changes: who else changes it, and whether a lock that both hold keeps
 * them apart. Over all executions together, so whatever could meet in one is found even if it did not.
 */
import { Kind, MAX_LIST } from '@faultline/machine';
import { framesOf } from '../frames.ts';
import type { OpTable } from '../op-table.ts';
import type { LockClasses } from './classes.ts';
import { type Held, Hold, type HowHeld } from './held.ts';

/** A step that names an atomic operation, a store or the taking of a lock. */
export interface SiteUse {
  /** Its id: see `stepById` of the machine. */
  readonly step: number;
  /** Locks that were held each time: 'kvm->mmu_lock exclusive'. */
  readonly held: readonly string[];
  /** Functions in which other threads change the same place, or take the same lock. */
  readonly others: readonly string[];
  /** Those of them that no lock keeps apart from this one. */
  readonly rivals: readonly string[];
}

interface Watched {
  readonly held: Held;
  readonly classes: LockClasses;
}

/** Address and how, of each lock held. */
type Locks = readonly (readonly [addr: number, how: number, name: string])[];

interface Change {
  readonly thread: number;
  readonly step: number;
  readonly site: number;
  readonly shared: boolean;
  readonly locks: Locks;
}

export class SiteUses {
  /** By address, then by what tells changes apart. */
  private readonly changes = new Map<number, Map<string, Change>>();

  constructor(private readonly watched: Watched) {}

  /** Thread `t` is about to do what row `i` says. */
  seen(ops: OpTable, i: number, t: number): void {
    const kind = ops.kind[i];
    if (changes(kind)) this.note(ops, i, t, ops.addr[i]);
    // Several changes at once: where they are is all that is known of them.
    if (kind !== Kind.ATOMIC || ops.order[i] !== 1) return;
    const base = i * MAX_LIST;
    for (let k = base; k < base + ops.listLength[i]; k++) this.note(ops, i, t, ops.listAddr[k]);
  }

  /** One for each step that changed something. */
  all(): SiteUse[] {
    const held = new Map<number, Set<string>>();
    const others = new Map<number, Set<string>>();
    const rivals = new Map<number, Set<string>>();
    for (const at of this.changes.values()) {
      for (const one of at.values()) {
        if (one.step === 0) continue;
        const names = one.locks.map(([, , name]) => name);
        held.set(one.step, new Set(names.filter((name) => held.get(one.step)?.has(name) ?? true)));
        for (const other of at.values()) {
          if (other.thread === one.thread || (other.shared && one.shared)) continue;
          const fn = framesOf([other.site]).at(-1)?.fn ?? '';
          add(others, one.step, fn);
          if (!keptApart(one.locks, other.locks)) add(rivals, one.step, fn);
        }
      }
    }
    const sorted = (of: Map<number, Set<string>>, step: number) => [...(of.get(step) ?? [])].sort();
    return [...held.keys()].map((step) => {
      return { step, held: sorted(held, step), others: sorted(others, step), rivals: sorted(rivals, step) };
    });
  }

  private note(ops: OpTable, i: number, t: number, addr: number): void {
    const kind = ops.kind[i];
    let known = this.changes.get(addr);
    if (known === undefined) {
      known = new Map();
      this.changes.set(addr, known);
    }
    const { held } = this.watched;
    let key = `${t} ${ops.step[i]} ${ops.site[i]} ${kind}`;
    for (let k = 0; k < held.count(t); k++) key += ` ${held.addr(t, k)} ${held.how(t, k)}`;
    if (known.has(key)) return;
    const locks: Locks = held.all(t).map(({ lock, how, address }) => [address, HOW[how], `${lock} ${how}`]);
    const shared = kind === Kind.READ_LOCK;
    known.set(key, { thread: t, step: ops.step[i], site: ops.site[i], shared, locks });
  }
}

const HOW: Readonly<Record<HowHeld, number>> = {
  exclusive: Hold.EXCLUSIVE,
  shared: Hold.SHARED,
  section: Hold.SECTION,
};

function changes(kind: number): boolean {
  if (kind >= Kind.STORE && kind <= Kind.ANDNOT) return true;
  return (
    kind === Kind.MUTEX_LOCK || kind === Kind.SPIN_LOCK || kind === Kind.READ_LOCK || kind === Kind.WRITE_LOCK
  );
}

/** Both hold a lock, one of them alone. */
function keptApart(a: Locks, b: Locks): boolean {
  return a.some(([addr, how]) =>
    b.some(([other, otherHow]) => {
      if (other !== addr || how === Hold.SECTION || otherHow === Hold.SECTION) return false;
      return how === Hold.EXCLUSIVE || otherHow === Hold.EXCLUSIVE;
    }),
  );
}

function add(to: Map<number, Set<string>>, step: number, fn: string): void {
  const set = to.get(step);
  if (set === undefined) to.set(step, new Set([fn]));
  else set.add(fn);
}
