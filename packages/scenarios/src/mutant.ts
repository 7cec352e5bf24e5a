/**
 * A mutant: one change to the system that ought to be noticed, or ought not. `faultline mutate` runs it and compares.
 */
export interface Mutant {
  /** 'area/what-is-changed' in kebab case. */
  readonly name: string;
  /** What is changed and what goes wrong then, in one sentence. */
  readonly says: string;
  /** Steps removed (labels) or weakened (call sites). */
  readonly off?: readonly string[];
  /** A file of packages/kvm/variants, without `.ts`. */
  readonly variant?: string;
  /** Scenarios to run it against; those that defend its steps when left out. */
  readonly against?: readonly string[];
  /** Memory model to run it under; sequential consistency when left out. */
  readonly model?: 'tso';
  readonly expect: Expectation;
}

/** The finding where somebody waits who may not. */
export const SLEEPS = 'sleeping function called from invalid context';

export type Expectation =
  /** The named `always` of the named scenario falls. */
  | { readonly caught: string; readonly always: string }
  /** A rule of the locks, by its key, is broken in the named scenario, and that `ends` in a finding of this kind. */
  | { readonly caught: string; readonly rule: string; readonly ends?: 'deadlock' | typeof SLEEPS }
  /** Nothing breaks, because another defence covers it: removing all of `with` as well does break `caught`. */
  | { readonly covered: string; readonly with: readonly string[]; readonly always: string }
  /** Behaviour is the same, or as good: verified to be silent. */
  | { readonly equivalent: string }
  /** Needs what is not built yet, or another memory model: which. */
  | { readonly elsewhere: string };

/**
 * The usual row of a list: one change, run against the one scenario that should notice it. Names and scenarios without an area
 * are of `area`.
 */
export function caughtIn(area: string) {
  const full = (name: string) => (name.includes('/') ? name : `${area}/${name}`);
  return (
    name: string,
    says: string,
    scenario: string,
    always: string,
    how: Pick<Mutant, 'off' | 'variant'>,
  ): Mutant => {
    const caught = full(scenario);
    return { name: full(name), says, ...how, against: [caught], expect: { caught, always } };
  };
}
