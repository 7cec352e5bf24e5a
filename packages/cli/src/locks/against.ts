/** Our order of locks beside that of a running kernel, edge by edge, for the locks that both have. */
import { type KvmLock, kvmLocks } from '@faultline/kvm/locks';
import { heldPairs, type LockChains, type LockGraph, sameLock } from '@faultline/lockdep';

export interface Compared {
  readonly from: string;
  readonly to: string;
  /** 'direct', or 'in a chain': with other locks between; null if that side does not have it. */
  readonly theirs: 'direct' | 'in a chain' | null;
  readonly ours: boolean;
}

export interface Comparison {
  readonly agreed: readonly Compared[];
  readonly onlyOurs: readonly Compared[];
  readonly onlyTheirs: readonly Compared[];
  /** Locks of ours that their graph does not name, and the reverse. */
  readonly notTheirs: readonly string[];
  readonly notOurs: readonly string[];
}

/**
 * @param chains null when only /proc/lockdep is at hand: then their side has edges of distance one alone, and none that
 * begin or end at a read section
 */
export function compareGraphs(ours: LockGraph, theirs: LockGraph, chains: LockChains | null): Comparison {
  const pairs = chains === null ? new Set<string>() : new Set(heldPairs(chains).keys());
  const names = new Set(theirs.classes.keys());
  for (const chain of chains?.chains ?? []) for (const name of chain.locks) names.add(name);
  const classes = new Map(kvmLocks.map((lock) => [lock.name, classesOf(lock, names)]));
  const isOurs = (lock: KvmLock) => ours.classes.has(lock.name);
  const isTheirs = (lock: KvmLock) => (classes.get(lock.name)?.length ?? 0) > 0;
  const both = kvmLocks.filter(
    (lock) => isOurs(lock) && isTheirs(lock) && (chains !== null || lock.type !== 'srcu domain'),
  );
  const all = both.flatMap((a) =>
    both
      .filter((b) => b !== a)
      .map((b) => {
        const ends = (classes.get(a.name) ?? []).flatMap((x) =>
          (classes.get(b.name) ?? []).map((y) => [x, y] as const),
        );
        const direct = ends.some(([x, y]) => theirs.hasEdge(x, y));
        const chained = ends.some(([x, y]) => pairs.has(`${x}\0${y}`));
        const how = direct ? 'direct' : chained ? 'in a chain' : null;
        return {
          from: a.name,
          to: b.name,
          theirs: how as Compared['theirs'],
          ours: ours.hasEdge(a.name, b.name),
        };
      }),
  );
  return {
    agreed: all.filter((e) => e.ours && e.theirs !== null),
    onlyOurs: all.filter((e) => e.ours && e.theirs === null),
    onlyTheirs: all.filter((e) => !e.ours && e.theirs !== null),
    notTheirs: kvmLocks.filter((l) => isOurs(l) && !isTheirs(l)).map((l) => l.name),
    notOurs: kvmLocks.filter((l) => !isOurs(l) && isTheirs(l)).map((l) => l.name),
  };
}

function classesOf({ name, lockdep }: KvmLock, names: ReadonlySet<string>): string[] {
  return [...names].filter((n) =>
    lockdep === undefined ? sameLock(name, n) : n.replace(/#\d+/, '') === lockdep,
  );
}
