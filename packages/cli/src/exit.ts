/** Exit codes: the same for every verb. */
export const ExitCode = {
  /** Nothing found, and exhaustive. */
  CLEAN: 0,
  /** A violation, a MISSED mutant, a problem that a log reports. */
  FINDING: 1,
  /** Bad input or usage. */
  USAGE: 2,
  /** Nothing found, but a bound was hit. */
  INCOMPLETE: 3,
  /** A defect of this program. */
  BUG: 4,
} as const;

/** What the user gave is wrong. The message says what was expected, where, and what to do. */
export class UsageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UsageError';
  }
}

/** The worst of several runs: a finding outweighs an incomplete run, which outweighs a clean one. */
export function worst(codes: readonly number[]): number {
  for (const code of [ExitCode.BUG, ExitCode.USAGE, ExitCode.FINDING, ExitCode.INCOMPLETE]) {
    if (codes.includes(code)) return code;
  }
  return ExitCode.CLEAN;
}
