/**
 * Load-bearing statements by name. `area.snake_case`, unique; the build plugin registers a labelled statement here and
 * guards it with `off`, and `at(name)` names an operation that has a result.
 */
export interface Step {
  readonly id: number;
  readonly name: string;
  /** How it was named: a label can be removed, a call site only weakened. The build names an 'auto' one itself. */
  kind: 'label' | 'at' | 'auto';
  /** An 'auto' one was come to since `forgetReached`. */
  reached: boolean;
  /** Removed or weakened for the current program. */
  off: boolean;
  /** Where it stands, once its module is loaded by a transformed build. */
  site: string;
}

export const steplessId = 0;

const byName = new Map<string, Step>();
const byId: Step[] = [];

/** Finds or makes the step of this name. */
export function stepNamed(name: string, kind: Step['kind'] = 'label', site = ''): Step {
  let step = byName.get(name);
  if (step === undefined) {
    step = { id: byId.length + 1, name, kind, off: false, reached: false, site };
    byName.set(name, step);
    byId.push(step);
  }
  if (site !== '') {
    step.site = site;
    step.kind = kind;
  }
  return step;
}

/** Names the visible operation that takes it as its last argument: `sptep.cmpxchg(old, next, at('mmu.fast_page_fault'))`. */
export function at(name: string): Step {
  return stepNamed(name, 'at');
}

/** What a build that names every site puts around the step of an operation. */
export function reach(step: Step): Step {
  step.reached = true;
  return step;
}

export function forgetReached(): void {
  for (const step of byId) step.reached = false;
}

/** Every step whose module has been loaded, by name. */
export function allSteps(): Step[] {
  return [...byId].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function stepById(id: number): Step | undefined {
  return byId[id - 1];
}

/** Removes or weakens exactly these steps. Throws on a name that no loaded module declares. */
export function setStepsOff(names: readonly string[]): void {
  for (const step of byId) step.off = false;
  for (const name of names) {
    const step = byName.get(name);
    if (step === undefined) throw new UnknownStepError(name, nearest(name));
    step.off = true;
  }
}

/** A step name that no loaded module declares. */
export class UnknownStepError extends Error {
  constructor(
    readonly step: string,
    near: string[],
  ) {
    super(`no step named '${step}'${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}`);
    this.name = 'UnknownStepError';
  }
}

function nearest(name: string): string[] {
  const tail = name.slice(name.indexOf('.') + 1);
  const parts = tail.split('_');
  const score = (s: Step) => parts.filter((p) => p.length > 2 && s.name.includes(p)).length;
  return byId
    .filter((s) => score(s) > 0)
    .sort((a, b) => score(b) - score(a) || alike(b.name, name) - alike(a.name, name))
    .slice(0, 3)
    .map((s) => s.name);
}

/** Letters that two names begin and end with in common: a slip of the pen leaves most of them. */
function alike(a: string, b: string): number {
  let front = 0;
  while (front < a.length && a[front] === b[front]) front++;
  let back = 0;
  while (back < a.length - front && a.at(-1 - back) === b.at(-1 - back)) back++;
  return front + back;
}
