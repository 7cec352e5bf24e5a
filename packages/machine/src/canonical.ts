/**
 * One text for one value, whatever order its keys were written in: how final states of different platforms and runs are
 * compared. JSON, with a bigint as {"$n":"123"}; undefined is dropped, as JSON does.
 */

/** The canonical text of plain data. An object of the arena (anything with an `addr`) is written as {"$at":address}. */
export function canonical(value: unknown): string {
  return JSON.stringify(sorted(value)) ?? 'null';
}

/**
 * The text of a final state: what threads returned, and what the scenario's `final` said (undefined if it has none).
 * Every platform names final states by it.
 */
export function finalStateText(results: Readonly<Record<string, unknown>>, final: unknown): string {
  return canonical({ results, final });
}

/** The value of a canonical text, bigints restored. */
export function fromCanonical(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    const digits = (value as { $n?: unknown }).$n;
    return typeof digits === 'string' ? BigInt(digits) : value;
  });
}

function sorted(value: unknown): unknown {
  if (typeof value === 'bigint') return { $n: value.toString() };
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const { addr } = value as { addr?: unknown };
  if (typeof addr === 'number' && Object.getPrototypeOf(value) !== Object.prototype) return { $at: addr };
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort()) {
    const field = sorted((value as Record<string, unknown>)[key]);
    if (field !== undefined) result[key] = field;
  }
  return result;
}
