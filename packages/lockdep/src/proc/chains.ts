import { isSrcuClass } from '../graph/lock-class.ts';
import type { Collector, Found } from '../records.ts';

/** One stack of held locks, outermost first, with the context its last lock was taken in. */
export interface Chain {
  readonly context: number;
  readonly locks: readonly string[];
}

export interface LockChains {
  readonly chains: readonly Chain[];
  /** True when there were more than is kept. */
  readonly cut: boolean;
}

const LOCK = /^\[([0-9a-f]{8,16}|\(____ptrval____\))\] (.{1,1000})$/;
const MAX_LOCKS = 2_000_000;
/** The kernel holds at most 48 locks in one task; a longer chain is no chain. */
const MAX_DEPTH = 64;

/** /proc/lockdep_chains: every stack of held locks that was ever seen. */
export class ProcChains implements Collector {
  private readonly chains: { context: number; locks: string[] }[] = [];
  private readonly names = new Map<string, string>();
  private count = 0;
  private cut = false;
  private misses = 0;
  private readonly first: number;
  private last: number;

  constructor(n: number) {
    this.first = n;
    this.last = n;
  }

  static starts(text: string): boolean {
    return text.startsWith('all lock chains:') || /^irq_context: \S+/.test(text);
  }

  line(text: string, n: number): 'taken' | 'skipped' | 'over' {
    const t = text.trim();
    if (t === '' || t === 'all lock chains:') return this.keep(n);
    if (t.startsWith('irq_context:')) {
      this.chains.push({ context: contextOf(t.slice(12).trim()), locks: [] });
      return this.keep(n);
    }
    const lock = LOCK.exec(t);
    const chain = this.chains[this.chains.length - 1];
    if (lock && chain) {
      if (this.count++ < MAX_LOCKS && chain.locks.length < MAX_DEPTH)
        chain.locks.push(this.intern(lock[2] ?? ''));
      else this.cut = true;
      return this.keep(n);
    }
    this.misses++;
    return this.misses > 20 ? 'over' : 'skipped';
  }

  tail(text: string): 'no' | 'maybe' {
    return /^\s*(?:\[|irq_context|all lock)/.test(text) ? 'no' : 'maybe';
  }

  finish(): Found | null {
    const chains = this.chains.filter((c) => c.locks.length > 0);
    if (chains.length === 0) return null;
    return {
      type: 'proc-chains',
      span: { first: this.first, last: this.last },
      chains: { chains, cut: this.cut },
    };
  }

  private intern(name: string): string {
    const known = this.names.get(name);
    if (known !== undefined) return known;
    this.names.set(name, name);
    return name;
  }

  private keep(n: number): 'taken' {
    this.last = n;
    this.misses = 0;
    return 'taken';
  }
}

function contextOf(text: string): number {
  const words: Readonly<Record<string, number>> = {
    '0': 0,
    '{}': 0,
    softirq: 1,
    hardirq: 2,
    'hardirq|softirq': 3,
  };
  return words[text] ?? (/^\d$/.test(text) ? Number(text) : 0);
}

/** What the chains tell about one SRCU domain. */
export interface GracePeriods {
  readonly domain: string;
  /** Locks held while synchronize_srcu on the domain began. */
  readonly across: readonly string[];
  /** Locks taken inside a read section of the domain. */
  readonly inside: readonly string[];
  /** In both sets: a reader waits for a holder that waits for the reader. */
  readonly both: readonly string[];
}

const GRACE_LOCK =
  /^&ACCESS_PRIVATE\((?:ssp|sup|sdp|ssp->srcu_sup), lock\)$|^&?(?:ssp|sup|sdp)->(?:srcu_)?lock$/;

/**
 * synchronize_srcu begins a grace period inside a short read section, so it leaves the chain "…, L, …, D, the
 * domain's own lock"; any other lock after D was taken inside a reader.
 */
export function gracePeriods(chains: LockChains): GracePeriods[] {
  const across = new Map<string, Set<string>>();
  const inside = new Map<string, Set<string>>();
  for (const { locks } of chains.chains) {
    locks.forEach((name, i) => {
      if (!isSrcuClass(name)) return;
      const next = locks[i + 1];
      if (next !== undefined && GRACE_LOCK.test(next)) {
        for (const held of locks.slice(0, i)) add(across, name, held);
        return;
      }
      for (const taken of locks.slice(i + 1)) add(inside, name, taken);
    });
  }
  const domains = new Set([...across.keys(), ...inside.keys()]);
  return [...domains].sort().map((domain) => {
    const a = [...(across.get(domain) ?? [])];
    const b = new Set(inside.get(domain) ?? []);
    return { domain, across: a, inside: [...b], both: a.filter((l) => b.has(l)) };
  });
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  let set = map.get(key);
  if (!set) {
    set = new Set();
    map.set(key, set);
  }
  set.add(value);
}

/** Pairs "inner was taken while outer was held", with one chain that shows each. */
export function heldPairs(chains: LockChains): Map<string, Chain> {
  const pairs = new Map<string, Chain>();
  for (const chain of chains.chains) {
    const { locks } = chain;
    for (let i = 0; i < locks.length; i++) {
      for (let j = i + 1; j < locks.length; j++) {
        const key = `${locks[i]}\0${locks[j]}`;
        if (!pairs.has(key)) pairs.set(key, chain);
      }
    }
  }
  return pairs;
}
