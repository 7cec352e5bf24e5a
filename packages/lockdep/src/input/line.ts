/** A line after repair, as the recognisers see it. */
export interface Line {
  readonly text: string;
  readonly n: number;
  /** Width as it stood in the input, quote marks included. */
  readonly width: number;
  readonly stamped: boolean;
  readonly caller: string;
  readonly depth: number;
}
