/** Tokens carry a whole execution, fit in 120 characters, and a stale one names the first step that differs. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BitReader, BitWriter } from './bits.ts';
import { explore } from './explore.ts';
import { device } from './programs/device.ts';
import { fastPageFault } from './programs/kvm-cores.ts';
import { locks } from './programs/locks.ts';
import { races } from './programs/races.ts';
import { replay } from './replay.ts';
import { decodeToken, encodeContents, encodeToken, type TokenContents } from './token.ts';

test('numbers and texts survive the bits', () => {
  const number = fc.nat(100_000);
  fc.assert(
    fc.property(fc.array(number), fc.stringMatching(/^[ -~]*$/), (numbers, text) => {
      const out = new BitWriter();
      out.gamma(numbers.length);
      for (const n of numbers) {
        out.gamma(n);
        out.fixed(n % 32, 5);
      }
      out.text(text);
      const back = new BitReader(out.base64url());
      const again = Array.from({ length: back.gamma() }, () => {
        const n = back.gamma();
        expect(back.fixed(5)).toBe(n % 32);
        return n;
      });
      expect(again).toEqual(numbers);
      expect(back.text()).toBe(text);
    }),
  );
});

test('any schedule survives a token', () => {
  const step = fc.tuple(fc.nat(4), fc.oneof(fc.constant(0), fc.nat(6)), fc.nat(15));
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.constantFrom('', 'before-ee3d1570b586'),
      (steps, variant) => {
        const contents: TokenContents = {
          scenario: 'area/name',
          stepsOff: [],
          variant,
          model: 'sc',
          program: '0a1b',
          schedule: { threads: steps.map((s) => s[0]), choices: steps.map((s) => s[1]) },
          expect: { signatures: steps.map((s) => s[2]), bits: 4, arenaHash: 'beef' },
        };
        expect(decodeToken(encodeContents(contents))).toEqual(contents);
      },
    ),
  );
});

test('the token of every small counterexample repeats it exactly', () => {
  for (const { kind, broken } of [...races, ...locks]) {
    const finding = explore(broken).findings.find((f) => f.kind === kind)!;
    const first = replay(broken, finding.schedule);
    const token = encodeToken(broken, first.trace)!;
    expect(token.length).toBeLessThanOrEqual(120);
    const { schedule, expect: expected } = decodeToken(token);
    const second = replay(broken, schedule, { expect: expected });
    expect(second.divergence).toBeNull();
    expect(second.trace.arenaHash).toBe(first.trace.arenaHash);
    expect(second.findings.map((f) => f.message)).toEqual(first.findings.map((f) => f.message));
  }
});

test('sixty steps, a long name and a variant fit in 120 characters', () => {
  const threads = Array.from({ length: 60 }, (_, i) => Math.floor(i / 6) % 2);
  const contents: TokenContents = {
    scenario: 'memslots/stale-mmio-decision',
    stepsOff: [],
    variant: 'before-ee3d1570b586',
    model: 'sc',
    program: 'ffff',
    schedule: { threads, choices: threads.map(() => 0) },
    expect: { signatures: threads.map(() => 1), bits: 2, arenaHash: 'ffff' },
  };
  expect(encodeContents(contents).length).toBeLessThanOrEqual(120);
});

test('after an edit the first step that differs is named', () => {
  const before = fastPageFault(1, false);
  const [finding] = explore(before).findings;
  const token = encodeToken(before, replay(before, finding.schedule).trace)!;
  const { schedule, expect: expected } = decodeToken(token);
  const stale = replay(fastPageFault(1, true), schedule, { expect: expected });
  expect(stale.divergence).toMatchObject({ step: 0 });
  expect(stale.divergence?.message).toBe(
    "step 1 is now 't0: xchg(&s->x[0], 0) == 2', which is not what it was",
  );
});

test('a schedule that asks for the impossible says where', () => {
  const locked = device(
    'locked',
    [1, 2].map(
      () =>
        function* (dev) {
          yield* dev.lock.lock();
          yield* dev.lock.unlock();
        },
    ),
  );
  const { divergence } = replay(locked, { threads: [0, 1], choices: [0, 0] });
  expect(divergence?.message).toBe('step 2 is not possible any more: b cannot go on there');
});

test('what is no token is refused in words', () => {
  expect(() => decodeToken('f1.a/b')).toThrow(/expected 'f1.<scenario>.<payload>'/);
  expect(() => decodeToken('f1.a/b.!!!')).toThrow(/replay token of 'a\/b': '!' is not a character/);
  expect(() => decodeToken('f1.a/b.AA')).toThrow(/was it copied whole\?/);
});
