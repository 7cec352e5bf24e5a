/** Which calls are atomics, fences and locks that a build may weaken although nobody named them. */
import type { Node } from './walk.ts';

export interface AutoSite {
  /** 'sptep.cmpxchg', 'smpWmb', 'kvm->mmu_lock held': what is weakened. */
  readonly text: string;
  /** Where the step goes, and whether an argument stands before it. */
  readonly position: number;
  readonly comma: boolean;
  /** The lock and the unlock of one lock in a function go together. */
  readonly paired: boolean;
}

/** Operations of a cell, with their number of arguments before the step. */
const ATOMICS: Readonly<Record<string, number>> = {
  xchg: 1,
  cmpxchg: 2,
  fetchAdd: 1,
  fetchAnd: 1,
  fetchOr: 1,
  fetchAndnot: 1,
  loadAcquire: 0,
  rcuDereference: 0,
  storeRelease: 1,
  assign: 1,
  smpStoreMb: 1,
};
const LOCKS = new Set(['lock', 'unlock', 'readLock', 'readUnlock', 'writeLock', 'writeUnlock']);
const FENCES = new Set(['smpMb', 'smpRmb', 'smpWmb', 'smpMbAfterAtomic']);

/** Null for a call that is none of them, or that has a name already. */
export function autoSite(call: Node, code: string): AutoSite | null {
  if (call.type !== 'CallExpression') return null;
  const args = call.arguments as Node[];
  const last = args.at(-1);
  const place = { position: last?.end ?? call.end - 1, comma: last !== undefined };
  const callee = call.callee as Node & { name?: string; object?: Node; property?: Node & { name?: string } };
  if (callee.type === 'Identifier') {
    const name = callee.name ?? '';
    return FENCES.has(name) && args.length === 0 ? { ...place, text: name, paired: false } : null;
  }
  if (callee.type !== 'MemberExpression' || callee.object === undefined) return null;
  const method = callee.property?.name ?? '';
  const receiver = code.slice(callee.object.start, callee.object.end).replace(/\s+/g, '');
  if (LOCKS.has(method) && args.length === 0) {
    // Sections of SRCU and RCU are no locks: what they return names the section.
    if (/rcu\w*$/i.test(receiver)) return null;
    const mode = method.startsWith('read') ? ' (read)' : method.startsWith('write') ? ' (write)' : '';
    return { ...place, text: `${receiver} held${mode}`, paired: true };
  }
  if (ATOMICS[method] !== args.length) return null;
  return { ...place, text: `${receiver}.${method}`, paired: false };
}
