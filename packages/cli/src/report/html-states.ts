/** What holds after each row: the locks of every thread, the value of every SPTE. */
import type { Recording } from './recording.ts';
import { type BitField, type Decoder, plainDecoder, spteDecoder } from './spte-bits.ts';

export interface State {
  /** Locks of each thread. */
  readonly held: readonly (readonly string[])[];
  /** Value of each SPTE. */
  readonly values: readonly bigint[];
}

/** One state a row, in order. */
export function statesOf({ threads, cells, rows }: Recording): State[] {
  let held: readonly (readonly string[])[] = threads.map(() => []);
  let values: readonly bigint[] = cells.map(({ first }) => BigInt(first));
  return rows.map((row) => {
    if (row.held !== null) held = held.map((locks, t) => (t === row.thread ? (row.held as string[]) : locks));
    if (row.touched.length > 0) {
      const after = [...values];
      for (const { cell, after: value } of row.touched) after[cell] = BigInt(value);
      values = after;
    }
    return { held, values };
  });
}

/** A field of a value, beside what it was. */
export interface FieldState extends BitField {
  readonly value: bigint;
  readonly was: bigint;
}

export function fieldStates(fields: readonly BitField[], value: bigint, was: bigint): FieldState[] {
  return fields.map((field) => ({ ...field, value: bitsOf(value, field), was: bitsOf(was, field) }));
}

function bitsOf(value: bigint, { lo, hi }: BitField): bigint {
  return (value >> BigInt(lo)) & ((1n << BigInt(hi - lo + 1)) - 1n);
}

/** A decoder for each SPTE: by the VM's format, or plain bits. */
export function decodersOf(recording: Recording): Decoder[] {
  const { cells, rows, config } = recording;
  if (config !== null) {
    const decoder = spteDecoder(config);
    return cells.map(() => decoder);
  }
  return cells.map(({ first }, i) => {
    const touches = rows.flatMap(({ touched }) => touched.filter(({ cell }) => cell === i));
    return plainDecoder([
      BigInt(first),
      ...touches.flatMap(({ before, after }) => [BigInt(before), BigInt(after)]),
    ]);
  });
}
