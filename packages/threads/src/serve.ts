/**
 * The worker's side of a run: whoever bundles scenarios for threads calls `serve` with them, once. Runs in a
 * worker thread that host.ts has started.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type AnyScenario, allSteps, setStepsOff } from '@faultline/machine';
import { setChaos } from './platform/chaos.ts';
import { self } from './platform/self.ts';
import { shareTurns } from './platform/turns.ts';
import type { Summary } from './report.ts';
import { scenarioNamed } from './worker/judge.ts';
import { follow, lead, type RunPlan } from './worker/leader.ts';
import { arenaBytes, imageHash, setUp } from './worker/machine.ts';
import { makeShared, type Shared, Word } from './worker/shared.ts';

/** From the host to each worker. */
export interface Order extends RunPlan {
  readonly scenario: string;
  readonly thread: number;
  readonly chaos: boolean;
  /** Call-site steps to weaken; labels were left out when the bundle was built. */
  readonly stepsOff: readonly string[];
  readonly stuckAfterMs: number;
  /** Null for the leader, who makes it. */
  readonly shared: Shared | null;
}

/** From a worker to the host. */
export type Reply =
  /** The leader is set up: start the others. */
  | {
      readonly type: 'shared';
      readonly shared: Shared;
      readonly threads: readonly string[];
      /** Addresses of the words that the host may show. */
      readonly watch: readonly number[];
    }
  /** A worker has set the scenario up and got this image. */
  | { readonly type: 'image'; readonly hash: string }
  | { readonly type: 'summary'; readonly summary: Summary }
  | { readonly type: 'failed'; readonly message: string; readonly stack: string };

/** Plays the part that the host has asked for. */
export function serve(scenarios: readonly AnyScenario[]): void {
  const order = workerData as Order;
  const reply = (message: Reply) => parentPort?.postMessage(message);
  try {
    play(scenarios, order, reply);
  } catch (error) {
    const { message, stack = '' } = error as Error;
    reply({ type: 'failed', message, stack });
  }
}

/** `serve` with every scenario that a module exports, alone or in lists. */
export function serveModule(module: Readonly<Record<string, unknown>>): void {
  const exported = Object.values(module).flat();
  serve(exported.filter((value): value is AnyScenario => isScenario(value)));
}

function isScenario(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'setup' in value && 'threads' in value;
}

function play(scenarios: readonly AnyScenario[], order: Order, reply: (message: Reply) => void): void {
  const scenario = scenarioNamed(scenarios, order.scenario);
  const known = new Set(allSteps().map((step) => step.name));
  setStepsOff(order.stepsOff.filter((name) => known.has(name)));
  setChaos(order.chaos);
  self.stuckAfterMs = order.stuckAfterMs;
  const shared = order.shared ?? makeShared(Object.keys(scenario.threads).length, arenaBytes(scenario));
  const machine = setUp(scenario, shared.arena);
  const control = new Int32Array(shared.control);
  self.abort = control.subarray(Word.ABORT, Word.ABORT + 1);
  shareTurns(control.subarray(Word.TURNS));
  reply({ type: 'image', hash: imageHash(machine.image) });
  if (order.thread > 0) {
    follow(machine, order.thread, shared, order);
    return;
  }
  const watch = scenario.watch as ((state: unknown) => readonly { readonly addr: number }[]) | undefined;
  const words = (watch?.(machine.state) ?? []).map((cell) => cell.addr);
  reply({ type: 'shared', shared, threads: machine.names, watch: words });
  reply({ type: 'summary', summary: lead(machine, shared, order) });
}
