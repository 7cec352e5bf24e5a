/**
 * The scenario's machine as each worker sees it. Every worker runs set-up itself, in a private arena, and gets the same
 * objects at the same addresses; then it turns to the arena that all of them share, which the leader puts back into that
 * first state before each round.
 */
import { type AnyScenario, current, formatArena, regionsUsed, u8, useArena } from '@faultline/machine';
import { scriptChoices } from '../platform/choices.ts';
import { forgetHeld, refuseLeaks } from '../platform/locks.ts';
import { self } from '../platform/self.ts';

const DEFAULT_ARENA_BYTES = 64 * 1024;

type Body = (state: unknown) => unknown;

export interface Machine {
  readonly scenario: AnyScenario;
  readonly names: readonly string[];
  readonly bodies: readonly Body[];
  /** What set-up returned: views of this worker, over the arena that all share. */
  readonly state: unknown;
  /** The arena after set-up, up to the last byte in use. */
  readonly image: Uint8Array;
}

export function arenaBytes(scenario: AnyScenario): number {
  return scenario.arenaBytes ?? DEFAULT_ARENA_BYTES;
}

/** Sets the scenario up in a private arena, then makes `shared` the arena in use. */
export function setUp(scenario: AnyScenario, shared: SharedArrayBuffer): Machine {
  const names = Object.keys(scenario.threads);
  current.task = 0;
  current.cpu = 0;
  self.alone = true;
  self.threads = names;
  self.warnings = [];
  forgetHeld();
  scriptChoices([]);
  useArena(new ArrayBuffer(shared.byteLength));
  formatArena(names.length);
  // The threads build has erased the generators: a call runs to its end.
  const state = (scenario.setup as () => unknown)();
  refuseLeaks();
  const used = regionsUsed().filter(({ to }) => to > 0);
  const image = u8.slice(0, Math.max(...used.slice(0, 2).map(({ to }) => to)));
  useArena(shared);
  return { scenario, names, bodies: bodiesOf(scenario), state, image };
}

/** Puts the shared arena back into the state after set-up: clears what any task has used, then copies the image. */
export function restore(machine: Machine): void {
  for (const { from, to } of regionsUsed()) u8.fill(0, from, to);
  u8.set(machine.image);
}

/** Eight hex digits over an image, to see that set-up did the same in each worker. */
export function imageHash(image: Uint8Array): string {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < image.length; i++) hash = Math.imul(hash ^ (image[i] as number), 0x0100_0193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

function bodiesOf(scenario: AnyScenario): Body[] {
  const threads = scenario.threads as unknown as Record<string, Body>;
  return Object.keys(threads).map((name) => (state) => (threads[name] as Body)(state));
}
