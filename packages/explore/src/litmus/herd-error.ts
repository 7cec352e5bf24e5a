/** A litmus file that cannot be read: where, and what was expected. */
export class HerdError extends Error {
  constructor(
    readonly file: string,
    readonly line: number,
    readonly column: number,
    message: string,
  ) {
    super(`${file}:${line}:${column}: ${message}`);
    this.name = 'HerdError';
  }
}
