/** A module that the build refuses, with the place and what to do instead. */
export class TransformError extends Error {
  constructor(
    readonly file: string,
    readonly line: number,
    reason: string,
  ) {
    super(`${file}:${line}: ${reason}`);
    this.name = 'TransformError';
  }
}
