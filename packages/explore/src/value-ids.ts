/** Numbers for values: two values that a final state's canonical text tells apart never have the same one. */
import { canonical } from '@faultline/machine';

export class ValueIds {
  private readonly simple = new Map<unknown, number>();
  private readonly texts = new Map<string, number>();
  private used = 0;

  /** The number of a value, from 0. Objects whose keys are in different order may have several for one text. */
  of(value: unknown): number {
    return typeof value === 'object' && value !== null
      ? this.known(this.texts, textOf(value))
      : this.known(this.simple, value);
  }

  private known<K>(ids: Map<K, number>, key: K): number {
    let id = ids.get(key);
    if (id === undefined) {
      id = this.used++;
      ids.set(key, id);
    }
    return id;
  }
}

function textOf(value: unknown): string {
  if (value === undefined) return 'u;';
  if (typeof value === 'number') return `${value};`;
  if (typeof value === 'boolean') return value ? 't;' : 'f;';
  if (typeof value === 'bigint') return `${value}n;`;
  if (Array.isArray(value)) {
    let text = '[';
    for (let i = 0; i < value.length; i++) text += textOf(value[i]);
    return `${text}]`;
  }
  if (typeof value !== 'object' || value === null || 'addr' in value) return `${canonical(value)};`;
  let text = '{';
  for (const key in value) text += `${JSON.stringify(key)}${textOf((value as Record<string, unknown>)[key])}`;
  return `${text}}`;
}
