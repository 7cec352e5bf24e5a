/**
 * A lock class as lockdep names it: every lock initialised at one place of the source is one class.
 * `&x->wait#2/1` is the second class with that name, taken with nesting level 1.
 */
export interface LockClass {
  /** As printed, for example `&rq->__lock/1`. */
  readonly name: string;
  /** Name without version and subclass. */
  readonly base: string;
  /** 1 when the name carries no `#N`. */
  readonly version: number;
  /** 0 when the name carries no `/N`. */
  readonly subclass: number;
  readonly usage?: Usage;
  readonly wait?: WaitTypes;
}

/** How a class has been used in one interrupt context: `.` `-` `+` `?` of the usage field. */
export interface ContextUse {
  readonly context: 'hardirq' | 'softirq' | 'reclaim';
  readonly read: boolean;
  /** Taken inside such a context. */
  readonly usedIn: boolean;
  /** Taken while such a context was enabled. */
  readonly usedEnabled: boolean;
}

export interface Usage {
  readonly chars: string;
  readonly uses: readonly ContextUse[];
}

/**
 * The two numbers of `{outer:inner}`. 0 none, 1 free (RCU), 2 spin; then either 3 sleep, or, with
 * PROVE_RAW_LOCK_NESTING, 3 config (spinlock_t) and 4 sleep.
 */
export interface WaitTypes {
  readonly outer: number;
  readonly inner: number;
}

/** Splits a printed class name. Never fails: what is no suffix stays in the name. */
export function parseClassName(name: string): LockClass {
  let base = name;
  let subclass = 0;
  let version = 1;
  const slash = base.lastIndexOf('/');
  if (slash > 0 && isDigits(base, slash + 1)) {
    subclass = Number(base.slice(slash + 1));
    base = base.slice(0, slash);
  }
  const hash = base.lastIndexOf('#');
  if (hash > 0 && isDigits(base, hash + 1)) {
    version = Number(base.slice(hash + 1));
    base = base.slice(0, hash);
  }
  return { name, base, version, subclass };
}

/** Four characters since 4.13 (hard and soft interrupts, write and read); six before (reclaim too). */
export function parseUsage(chars: string): Usage | null {
  if (!/^[-+.?]{2,8}$/.test(chars)) return null;
  const contexts = ['hardirq', 'softirq', 'reclaim'] as const;
  const uses: ContextUse[] = [];
  for (let i = 0; i < chars.length && i < 6; i++) {
    const c = chars[i];
    uses.push({
      context: contexts[i >> 1] ?? 'hardirq',
      read: (i & 1) === 1,
      usedIn: c === '-' || c === '?',
      usedEnabled: c === '+' || c === '?',
    });
  }
  return { chars, uses };
}

/** One clause in words: `taken in hardirq; with softirq on`. Empty when never classified. */
export function describeUsage(usage: Usage): string {
  const parts: string[] = [];
  for (const use of usage.uses) {
    const how = use.read ? ' (read)' : '';
    if (use.usedIn) parts.push(`taken inside ${use.context}${how}`);
    if (use.usedEnabled) parts.push(`taken with ${use.context} enabled${how}`);
  }
  return parts.join(', ');
}

/** What a wait type allows, without pretending to know the kernel's configuration. */
export function describeWait(type: number): string {
  switch (type) {
    case 0:
      return 'not checked';
    case 1:
      return 'free: never waits (RCU)';
    case 2:
      return 'spins with interrupts or preemption off';
    case 3:
      return 'may sleep (a spinlock_t when the kernel has PROVE_RAW_LOCK_NESTING)';
    case 4:
      return 'may sleep';
    default:
      return `type ${type}`;
  }
}

/** The kernel's own pseudo-classes: they mark a context, no task ever blocks on one. */
export function isPseudoClass(base: string): boolean {
  return base.startsWith('rcu_read_lock') || base === 'rcu_callback' || base === 'rcu_read_lock_bh';
}

/** SRCU domains are named like any lock; only the name tells (kvm->srcu, irq_srcu, pmus_srcu, srcu). */
export function isSrcuClass(base: string): boolean {
  return /(^|[^a-z])[a-z_]*srcu$/.test(base) && !base.endsWith('.lock');
}

function isDigits(text: string, from: number): boolean {
  if (from >= text.length || text.length - from > 6) return false;
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 48 || c > 57) return false;
  }
  return true;
}
