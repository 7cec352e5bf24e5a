/** Random litmus tests, repeatable from their seed: what the explorer is compared with the brute-force machine on. */
import type { Instruction, Litmus } from '../programs/litmus.ts';

export type Flavor = 'plain' | 'locked' | 'fences' | 'waits' | 'locks';

export const FLAVORS: readonly Flavor[] = ['plain', 'locked', 'fences', 'waits', 'locks'];

export function randomLitmus(flavor: Flavor, seed: number): Litmus {
  const below = numbers(seed * 7919 + FLAVORS.indexOf(flavor));
  // Three threads are short: trying everything takes its time.
  const count = 2 + below(2);
  const threads = Array.from({ length: count }, () => {
    const length =
      count === 2 ? 2 + below(flavor === 'locks' ? 2 : 3) : 1 + below(flavor === 'locks' ? 2 : 3);
    const code: Instruction[] = [];
    for (let k = 0; k < length; k++) code.push(...instruction(flavor, k, below));
    return code;
  });
  return { name: `${flavor}-${seed}`, words: ['x', 'y', 'z'], threads };
}

function instruction(flavor: Flavor, k: number, below: (n: number) => number): Instruction[] {
  const at = below(flavor === 'plain' ? 3 : 2);
  const into = `r${k}`;
  const value = 1 + below(2);
  const kind = below(10);
  const store: Instruction = { op: 'store', at, value };
  const load: Instruction = { op: 'load', at, into };
  const locked: Instruction[] = [
    { op: 'xchg', at, value, into },
    { op: 'cmpxchg', at, old: below(2), value, into },
  ];
  switch (flavor) {
    case 'plain':
      return [kind < 5 ? store : load];
    case 'locked':
      return [kind < 4 ? store : kind < 8 ? load : (locked[below(2)] as Instruction)];
    case 'fences':
      return [kind < 4 ? store : kind < 7 ? load : kind < 9 ? { op: 'fence' } : (locked[0] as Instruction)];
    case 'waits':
      return [kind < 5 ? store : kind < 8 ? load : { op: 'await', at, value: below(3) }];
    default: {
      if (kind >= 5) return [kind < 8 ? store : load];
      const lock = { kind: below(2) === 0 ? 'spin' : 'mutex', at: below(2) } as const;
      return [{ op: 'lock', ...lock }, kind < 3 ? store : load, { op: 'unlock', ...lock }];
    }
  }
}

function numbers(seed: number): (n: number) => number {
  let state = seed | 0;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) % n;
  };
}
