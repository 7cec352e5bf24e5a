/**
 * What an exploration passes through: each place where a thread stood, in how many steps, and what was held there. No
 * verdict: for tables of what holds which lock where, and for finding the scenarios that a change can matter to.
 */
import { type AnyScenario, describe, objects, siteById, u32 } from '@faultline/machine';
import { Hash64 } from './arena-hash.ts';
import { Hold } from './detect/held.ts';
import { explore } from './explore.ts';
import type { Reduction } from './search.ts';
import type { Session } from './session.ts';

export interface SurveySite {
  readonly file: string;
  readonly line: number;
  /** Name of the function in the kernel, else in the code. */
  readonly fn: string;
  /** Steps at which some thread stood there, in this function or in one that it called from there. */
  readonly seen: number;
  /** Locks and read sections that its thread held at all of them, and at some. */
  readonly always: readonly string[];
  readonly atTimes: readonly string[];
}

export interface Survey {
  readonly scenario: string;
  readonly executions: number;
  /** Every execution was visited: what was not seen does not happen in this scenario. */
  readonly exhaustive: boolean;
  /** Hash of memory as set-up left it: the same for two builds of the same system. */
  readonly setup: string;
  readonly sites: readonly SurveySite[];
}

export interface SurveyOptions {
  readonly maxExecutions: number;
  readonly signal?: AbortSignal;
}

/** Executions at random for a scenario that is too large to be visited whole: its first ones are all alike. */
const AT_RANDOM = 200;

/** Throws what the scenario's set-up throws. */
export function survey(scenario: AnyScenario, { maxExecutions, signal }: SurveyOptions): Survey {
  const sites = new Map<number, Seen>();
  let setup = '';
  const watch = (session: Session, reduction: Reduction) => {
    setup = memoryHash();
    watchSteps(session, reduction, sites);
  };
  const common = { watch, ...(signal === undefined ? {} : { signal }) };
  const { counts, bounds } = explore(scenario, { ...common, bounds: { maxExecutions } });
  const exhaustive = bounds.length === 0;
  let executions = counts.complete + counts.deadlocked + counts.stopped;
  if (!exhaustive) {
    explore(scenario, { ...common, strategy: { kind: 'random', executions: AT_RANDOM, seed: 1 } });
    executions += AT_RANDOM;
  }
  return { scenario: scenario.name, executions, exhaustive, setup, sites: [...sites].map(asSite) };
}

/** Every object by the name of its type: the numbers that types get depend on how modules were bundled. */
function memoryHash(): string {
  const hash = new Hash64();
  for (const { type, start, bytes, freed } of objects()) {
    hash.addText(type.name);
    hash.add(start);
    hash.add(freed ? 1 : 0);
    for (let word = start >>> 2; word < (start + bytes) >>> 2; word++) hash.add(u32[word]);
  }
  return hash.hex();
}

interface Seen {
  n: number;
  readonly always: Set<string>;
  readonly atTimes: Set<string>;
}

function asSite([id, { n, always, atTimes }]: [number, Seen]): SurveySite {
  const { file, line, fn } = siteById(id);
  return { file, line, fn, seen: n, always: [...always].sort(), atTimes: [...atTimes].sort() };
}

/** After each step of a thread, looks at where it stands now and what it holds; a prefix that is replayed was seen before. */
function watchSteps(session: Session, reduction: Reduction, sites: Map<number, Seen>): void {
  const { run, search } = session;
  const { threads } = run;
  const names = new Map<number, string>();
  const look = (t: number) => {
    if (t >= threads.count || threads.finished[t] === 1) return;
    const held = heldNames(session, t, names);
    for (const id of new Set(threads.callPath(t))) if (id !== 0) add(sites, id, held);
  };
  const pick = reduction.pick.bind(reduction);
  const executed = reduction.executed.bind(reduction);
  reduction.pick = (d) => {
    if (d === 0) for (let t = 0; t < threads.count; t++) look(t);
    return pick(d);
  };
  reduction.executed = (d) => {
    executed(d);
    if (search.flawAt > d) look(search.events.thread[d]);
  };
}

function add(sites: Map<number, Seen>, id: number, held: readonly string[]): void {
  const seen = sites.get(id);
  if (seen === undefined) {
    sites.set(id, { n: 1, always: new Set(held), atTimes: new Set(held) });
    return;
  }
  seen.n++;
  for (const name of seen.always) if (!held.includes(name)) seen.always.delete(name);
  for (const name of held) seen.atTimes.add(name);
}

const NOTHING: readonly string[] = [];

/** 'kvm->mmu_lock (write)', 'kvm->srcu (section)'. Names of what set-up made are looked up once. */
function heldNames({ run, search }: Session, t: number, names: Map<number, string>): readonly string[] {
  const { held } = search.detector;
  const n = held.count(t);
  if (n === 0) return NOTHING;
  const found: string[] = [];
  for (let k = 0; k < n; k++) {
    const addr = held.addr(t, k);
    const key = addr * 4 + held.how(t, k);
    let name = names.get(key);
    if (name === undefined) {
      name = nameOf(addr, held.how(t, k));
      if (addr < run.setupEnd) names.set(key, name);
    }
    found.push(name);
  }
  return found;
}

function nameOf(addr: number, how: number): string {
  const { text, info } = describe(addr);
  if (how === Hold.SECTION) return `${text} (section)`;
  if (how === Hold.SHARED) return `${text} (read)`;
  return /rwlock/.test(info?.type.label ?? '') ? `${text} (write)` : text;
}
