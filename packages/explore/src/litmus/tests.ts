/** Litmus tests whose verdict under x86-TSO is known, as data: what the model is compared with. */
import type { Instruction, Litmus, Outcome } from '../programs/litmus.ts';

export interface Known {
  readonly test: Litmus;
  /** What is asked: whether some execution shows it. */
  readonly asks: Outcome;
  readonly tso: 'allowed' | 'forbidden';
  readonly sc: 'allowed' | 'forbidden';
}

const WORDS = ['x', 'y', 'z'];
const [X, Y, Z] = [0, 1, 2];
const st = (at: number, value = 1): Instruction => ({ op: 'store', at, value });
const ld = (at: number, into: string): Instruction => ({ op: 'load', at, into });
const xchg = (at: number, value: number, into: string): Instruction => ({ op: 'xchg', at, value, into });
const mb: Instruction = { op: 'fence' };

function known(
  name: string,
  threads: readonly (readonly Instruction[])[],
  asks: Outcome,
  tso: Known['tso'],
  sc: Known['sc'] = 'forbidden',
): Known {
  return { test: { name, words: WORDS, threads }, asks, tso, sc };
}

/** The same with a fence between any two instructions of every thread. */
function fenced(one: Known): Known {
  const threads = one.test.threads.map((code) =>
    code.flatMap((step, k): Instruction[] => (k === 0 ? [step] : [mb, step])),
  );
  return { ...one, test: { ...one.test, name: `${one.test.name}+mfences`, threads }, tso: one.sc };
}

const SB = known(
  'SB',
  [
    [st(X), ld(Y, 'a')],
    [st(Y), ld(X, 'b')],
  ],
  { '0:a': 0, '1:b': 0 },
  'allowed',
);
const R = known(
  'R',
  [
    [st(X), st(Y)],
    [st(Y, 2), ld(X, 'a')],
  ],
  { '1:a': 0, y: 2 },
  'allowed',
);
const RWC = known(
  'RWC',
  [[st(X)], [ld(X, 'a'), ld(Y, 'b')], [st(Y), ld(X, 'c')]],
  { '1:a': 1, '1:b': 0, '2:c': 0 },
  'allowed',
);
const N6 = known(
  'n6',
  [
    [st(X), ld(X, 'a'), ld(Y, 'b')],
    [st(Y, 2), st(X, 2)],
  ],
  { '0:a': 1, '0:b': 0, x: 1 },
  'allowed',
);
const SB3 = known(
  '3.SB',
  [
    [st(X), ld(Y, 'a')],
    [st(Y), ld(Z, 'b')],
    [st(Z), ld(X, 'c')],
  ],
  { '0:a': 0, '1:b': 0, '2:c': 0 },
  'allowed',
);

export const LITMUS: readonly Known[] = [
  SB,
  known(
    'SB+mfence+po',
    [
      [st(X), mb, ld(Y, 'a')],
      [st(Y), ld(X, 'b')],
    ],
    { '0:a': 0, '1:b': 0 },
    'allowed',
  ),
  known(
    'SB+xchgs',
    [
      [xchg(X, 1, 'c'), ld(Y, 'a')],
      [xchg(Y, 1, 'd'), ld(X, 'b')],
    ],
    { '0:a': 0, '1:b': 0 },
    'forbidden',
  ),
  known(
    'SB+xchgs-elsewhere',
    [
      [st(X), xchg(Z, 1, 'c'), ld(Y, 'a')],
      [st(Y), xchg(Z, 1, 'd'), ld(X, 'b')],
    ],
    { '0:a': 0, '1:b': 0 },
    'forbidden',
  ),
  known(
    'MP',
    [
      [st(X), st(Y)],
      [ld(Y, 'a'), ld(X, 'b')],
    ],
    { '1:a': 1, '1:b': 0 },
    'forbidden',
  ),
  known(
    'LB',
    [
      [ld(X, 'a'), st(Y)],
      [ld(Y, 'b'), st(X)],
    ],
    { '0:a': 1, '1:b': 1 },
    'forbidden',
  ),
  known(
    'S',
    [
      [st(X, 2), st(Y)],
      [ld(Y, 'a'), st(X)],
    ],
    { '1:a': 1, x: 2 },
    'forbidden',
  ),
  known(
    '2+2W',
    [
      [st(X, 2), st(Y)],
      [st(Y, 2), st(X)],
    ],
    { x: 2, y: 2 },
    'forbidden',
  ),
  known(
    'WRC',
    [[st(X)], [ld(X, 'a'), st(Y)], [ld(Y, 'b'), ld(X, 'c')]],
    { '1:a': 1, '2:b': 1, '2:c': 0 },
    'forbidden',
  ),
  known(
    'IRIW',
    [[st(X)], [st(Y)], [ld(X, 'a'), ld(Y, 'b')], [ld(Y, 'c'), ld(X, 'd')]],
    { '2:a': 1, '2:b': 0, '3:c': 1, '3:d': 0 },
    'forbidden',
  ),
  known('CoRR', [[st(X)], [ld(X, 'a'), ld(X, 'b')]], { '1:a': 1, '1:b': 0 }, 'forbidden'),
  known('CoWW', [[st(X), st(X, 2)]], { x: 1 }, 'forbidden'),
  R,
  RWC,
  N6,
  SB3,
  fenced(SB),
  fenced(R),
  fenced(RWC),
  fenced(N6),
  fenced(SB3),
  // n5 of the x86-TSO paper: neither thread can miss its own store.
  known(
    'n5',
    [
      [st(X), ld(X, 'a')],
      [st(X, 2), ld(X, 'b')],
    ],
    { '0:a': 2, '1:b': 1 },
    'forbidden',
  ),
  // n7: a third thread sees the stores of the others late.
  known(
    'n7',
    [
      [st(X), ld(X, 'a'), ld(Y, 'b')],
      [st(Y), ld(Y, 'c'), ld(X, 'd')],
    ],
    { '0:a': 1, '0:b': 0, '1:c': 1, '1:d': 0 },
    'allowed',
  ),
  // The kick of a vCPU: x is its mode, y its requests.
  known(
    'kick',
    [
      [st(X), ld(Y, 'request')],
      [xchg(Y, 1, 'old'), ld(X, 'mode')],
    ],
    { '0:request': 0, '1:mode': 0 },
    'allowed',
  ),
  known(
    'kick+mfence',
    [
      [st(X), mb, ld(Y, 'request')],
      [xchg(Y, 1, 'old'), ld(X, 'mode')],
    ],
    { '0:request': 0, '1:mode': 0 },
    'forbidden',
  ),
];
