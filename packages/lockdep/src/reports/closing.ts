import { blocks } from '../graph/cycles.ts';
import type { Edge } from '../graph/graph.ts';
import { tellingFrames } from './acquire.ts';
import type { Report } from './report.ts';

/** What has to hold for a cycle to become a deadlock, as far as the report can tell. */
export function closingOf(r: Report, cycle: readonly Edge[]): string[] {
  if (cycle.length === 0) return [];
  const said: string[] = [];
  if (cycle.length === 1 && r.kind === 'recursive') return [instances(r)];
  if (r.kind === 'inconsistent-state') {
    const context =
      r.states?.to.includes('SOFTIRQ') || r.states?.from.includes('SOFTIRQ') ? 'soft interrupt' : 'interrupt';
    return [
      `One CPU is enough: a ${context} arrives while the lock is held with ${context}s enabled, and its handler waits for the lock that the interrupted code holds.`,
    ];
  }
  said.push(...readers(cycle), ...srcu(cycle), ...waits(cycle));
  if (r.kind === 'circular') said.push(sameObject(cycle), outerLocks(cycle));
  if (r.kind === 'irq-safe-to-unsafe' || r.kind === 'irq-inversion') {
    said.push(
      'It closes when the interrupt arrives on the CPU that holds the last lock; disabling that interrupt around the last lock opens it.',
    );
  }
  return said.filter((s) => s !== '');
}

function instances(r: Report): string {
  const want = r.wanted?.instance;
  const held = r.holding?.instance;
  if (want === undefined || held === undefined)
    return 'The report does not show the addresses, so it may be one lock or two of the same class.';
  if (want === held)
    return `One lock: both lines show ${want}. The task waits for itself; this is certain, not merely possible.`;
  return `Two locks of one class (${held} held, ${want} wanted). It closes only if another task takes the same two in the opposite order; a fixed order (by address, or a nesting annotation) opens it.`;
}

function readers(cycle: readonly Edge[]): string[] {
  const said: string[] = [];
  cycle.forEach((edge, i) => {
    const next = cycle[(i + 1) % cycle.length];
    if (!next) return;
    if (!blocks(edge, next)) {
      said.push(
        `${edge.to} is entered as a recursive reader and held by a reader: those two do not wait for each other, so this chain cannot close here.`,
      );
    } else if (edge.want === 'read') {
      said.push(
        `${edge.to} is wanted for reading (${edge.op ?? 'read'}): if the other side also holds it for reading, it closes only once a writer waits in between and stops new readers.`,
      );
    }
  });
  return said;
}

function srcu(cycle: readonly Edge[]): string[] {
  return cycle
    .filter((e) => e.want === 'synchronize')
    .map(
      (e) =>
        `${e.to} is no lock: its read sections never block. The cycle closes through ${e.op ?? 'synchronize_srcu'}, which waits for every reader that is already inside, and only with such a reader inside (${where(cycle, e)}).`,
    );
}

function where(cycle: readonly Edge[], sync: Edge): string {
  const inside = cycle.find((e) => e.from === sync.to);
  const frame = inside ? tellingFrames(inside.path)[0] : undefined;
  return frame ? `${frame.fn}()` : 'a task that then waits for the next lock';
}

function waits(cycle: readonly Edge[]): string[] {
  return cycle
    .filter((e) => e.want === 'wait')
    .map(
      (e) =>
        `${e.to} is a wait (${e.op ?? 'wait'}): it closes if the work runs, or is queued, while the waiter holds its locks.`,
    );
}

function sameObject(cycle: readonly Edge[]): string {
  const owned = cycle.filter((e) => /->/.test(e.from)).map((e) => e.from);
  if (owned.length === 0) return '';
  return `Same objects? The chain records classes: it closes only if ${list(owned)} belong to the same VM or object on every path. The addresses above tell it for one task only.`;
}

function outerLocks(cycle: readonly Edge[]): string {
  const first = cycle[0];
  if (!first?.outer) return '';
  const names = new Set(cycle.map((e) => e.from));
  const others = first.outer.filter((n) => !names.has(n) && !n.startsWith('rcu_read_lock'));
  if (others.length === 0)
    return 'No common outer lock: the task held nothing besides, so nothing keeps the paths apart.';
  return `Common outer lock? The task also held ${list(others)}. If every other path runs under one of these too, the cycle cannot close; the report does not record what they held.`;
}

function list(names: readonly string[]): string {
  const unique = [...new Set(names)];
  if (unique.length < 2) return unique.join('');
  return `${unique.slice(0, -1).join(', ')} and ${unique[unique.length - 1]}`;
}
