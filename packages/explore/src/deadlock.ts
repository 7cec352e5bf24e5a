/** Who waits for whom when nobody can go on: locks, grace periods, counts and values. */
import { describe, Kind, MAX_LIST, MAX_TASKS, SrcuDomain, u32 } from '@faultline/machine';
import { Hold } from './detect/held.ts';
import type { WaitFor } from './finding.ts';
import { Mode, modeOf } from './footprint.ts';
import { readerLeft, tokenByte } from './sc.ts';
import type { Search } from './search.ts';
import { spellPending } from './spell.ts';

export interface Stuck {
  readonly kind: 'deadlock' | 'livelock';
  readonly message: string;
  readonly waits: readonly WaitFor[];
  readonly cycle: readonly string[];
  /** Threads that wait, in order. */
  readonly threads: readonly number[];
}

/** Explains the execution that ended with threads waiting. */
export function explainStuck(search: Search, names: readonly string[]): Stuck {
  const { threads } = search.run;
  const waits: WaitFor[] = [];
  const holders = new Map<number, number[]>();
  const waiting: number[] = [];
  let values = 0;
  for (let t = 0; t < threads.count; t++) {
    if (threads.finished[t] === 1) continue;
    const kind = threads.ops.kind[t];
    const held = holdersOf(search, t);
    if (kind === Kind.AWAIT || kind === Kind.RETRY) values++;
    waiting.push(t);
    holders.set(t, held);
    waits.push({
      thread: names[t],
      operation: spellPending(threads.ops, t),
      resource: resourceOf(search, t),
      holders: held.map((h) => names[h]),
      lock: isLockKind(kind)
        ? search.detector.classes.name(search.detector.classes.of(threads.ops.addr[t]))
        : '',
      address: threads.ops.addr[t],
      held: search.detector.held.all(t),
    });
  }
  const cycle = findCycle(holders);
  const kind = cycle.length === 0 && values === waiting.length ? 'livelock' : 'deadlock';
  return {
    kind,
    message: messageOf(
      kind,
      waits,
      cycle.map((t) => names[t]),
    ),
    waits,
    cycle: cycle.map((t) => names[t]),
    threads: waiting,
  };
}

function isLockKind(kind: number): boolean {
  return kind >= Kind.MUTEX_LOCK && kind <= Kind.SRCU_WAIT;
}

function messageOf(kind: string, waits: readonly WaitFor[], cycle: readonly string[]): string {
  if (kind === 'livelock') {
    return `nobody can still write what ${waits.map((w) => `${w.thread} waits for (${w.resource})`).join(', ')}`;
  }
  if (cycle.length === 0) {
    return waits.map((w) => `${w.thread} waits for ${w.resource}, which nobody will give`).join('; ');
  }
  const of = (name: string) => waits.find((w) => w.thread === name);
  return cycle
    .map((name, k) => `${name} waits for ${of(name)?.resource}, held by ${cycle[(k + 1) % cycle.length]}`)
    .join('; ');
}

function resourceOf(search: Search, t: number): string {
  const { ops } = search.run.threads;
  if (ops.kind[t] === Kind.RETRY) {
    const base = t * MAX_LIST;
    const places: string[] = [];
    for (let k = base; k < base + ops.listLength[t]; k++) places.push(describe(ops.listAddr[k]).text);
    return places.join(', ');
  }
  const place = describe(ops.addr[t]).text;
  return ops.kind[t] === Kind.SRCU_WAIT ? `the readers of ${place}` : place;
}

/** Threads that could end the wait of thread `t`. */
function holdersOf(search: Search, t: number): number[] {
  const { run } = search;
  const { ops } = run.threads;
  const addr = ops.addr[t];
  switch (ops.kind[t]) {
    case Kind.MUTEX_LOCK:
    case Kind.SPIN_LOCK:
    case Kind.READ_LOCK:
    case Kind.WRITE_LOCK:
      return lockHolders(search, t, addr, ops.kind[t]);
    case Kind.SRCU_WAIT: {
      const inside: number[] = [];
      for (let task = 1; task <= MAX_TASKS; task++) {
        const byte = tokenByte(ops.aLo[t], ops.aHi[t], task);
        if (byte !== 0 && !readerLeft(u32[(addr >>> 2) + task], byte)) inside.push(task - 1);
      }
      return inside;
    }
    case Kind.AWAIT:
      return writersOf(search, t, [addr]);
    default: {
      const base = t * MAX_LIST;
      return writersOf(search, t, [...ops.listAddr.subarray(base, base + ops.listLength[t])]);
    }
  }
}

function lockHolders(search: Search, t: number, addr: number, kind: number): number[] {
  const { run, detector } = search;
  const { count, ops } = run.threads;
  const holders: number[] = [];
  for (let q = 0; q < count; q++) {
    if (detector.held.findAny(q, addr) >= 0) holders.push(q);
    else if (kind === Kind.READ_LOCK && q !== t && ops.kind[q] === Kind.WRITE_LOCK && ops.addr[q] === addr) {
      holders.push(q);
    }
  }
  return holders;
}

/** Unfinished threads that wrote one of the cells, or are inside a section of the real SRCU domain that they belong to. */
function writersOf(search: Search, t: number, addrs: readonly number[]): number[] {
  const { run, events, detector } = search;
  const { count, finished } = run.threads;
  const found = new Set<number>();
  for (let q = 0; q < count; q++) {
    if (finished[q] === 1) continue;
    for (let k = 0; k < detector.held.count(q); k++) {
      if (detector.held.how(q, k) !== Hold.SECTION) continue;
      const domain = detector.held.addr(q, k);
      if (addrs.some((a) => a >= domain && a < domain + SrcuDomain.size)) found.add(q);
    }
  }
  for (const addr of addrs) {
    for (let e = events.head[addr >>> 2]; e >= 0; e = events.partBefore[e]) {
      const q = events.thread[events.partEvent[e]];
      if (q !== t && finished[q] === 0 && modeOf(events.partFoot[e]) === Mode.WRITE) found.add(q);
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** A shortest cycle of the graph, as threads in order; empty if there is none. */
function findCycle(holders: ReadonlyMap<number, number[]>): number[] {
  let best: number[] = [];
  for (const start of holders.keys()) {
    const queue: number[][] = [[start]];
    const seen = new Set<number>();
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      const last = path[path.length - 1];
      for (const next of holders.get(last) ?? []) {
        if (next === start) {
          if (best.length === 0 || path.length < best.length) best = path;
        } else if (!seen.has(next) && holders.has(next)) {
          seen.add(next);
          queue.push([...path, next]);
        }
      }
    }
  }
  return best;
}
