/**
 * What a simulated CPU runs. A task is a generator; `yield*` marks each place where another CPU may run.
 *
 * A `Task` may appear only as the direct operand of `yield*`: it is never stored, passed on or forgotten, because the
 * threads build erases `yield*` and runs the same text as ordinary synchronous calls.
 */
export type Task<T = void> = Generator<Visible, T, unknown>;

declare const visible: unique symbol;

/** What a task yields: the one operation record (see op.ts), or a nested task in the explored build. */
export interface Visible {
  readonly [visible]: never;
}

/** The value that a task returns. */
export type Returned<T> = T extends Task<infer R> ? R : never;
