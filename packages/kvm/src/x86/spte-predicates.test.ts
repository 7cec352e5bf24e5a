import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AdType, type SpteLayout, spteFormat } from './spte-format.ts';
import {
  adEnabled,
  checkSpte,
  FROZEN_SPTE,
  hasVolatileBits,
  isAccessed,
  isAccessTrack,
  isDirty,
  isExecutable,
  isLast,
  isMmio,
  isMmuWritable,
  isShadowPresent,
  markForAccessTrack,
  needsWriteProtect,
  restoreAccTrack,
} from './spte-predicates.ts';

const bits = (...positions: number[]) => positions.reduce((value, n) => value | (1n << BigInt(n)), 0n);
const EPT = spteFormat('modern', { ept: true });
const EPT_NO_AD = spteFormat('modern', { ept: true, ad: false });
const NPT = spteFormat('modern', { ept: false });

test.each<[string, SpteLayout, boolean, bigint, Partial<Record<string, boolean>>]>([
  [
    'mapped, clean, not accessed',
    'modern',
    true,
    bits(0, 1, 2, 11, 57, 58),
    { present: true, accessed: false, dirty: false, volatile: true, exec: true },
  ],
  [
    'mapped, accessed, dirty',
    'modern',
    true,
    bits(0, 1, 2, 8, 9, 11, 57, 58),
    { present: true, accessed: true, dirty: true, volatile: false },
  ],
  [
    'write-protected for logging',
    'modern',
    true,
    bits(0, 2, 8, 11, 57, 58),
    { mmuWritable: true, volatile: true, dirty: false },
  ],
  [
    'write-protected for shadowing',
    'modern',
    true,
    bits(0, 2, 8, 11, 57),
    { mmuWritable: false, volatile: false },
  ],
  [
    'read-only in the host',
    'modern',
    true,
    bits(0, 2, 8, 11),
    { present: true, mmuWritable: false, volatile: false },
  ],
  ['MMIO by misconfiguration', 'modern', true, bits(1, 2), { mmio: true, present: false, volatile: false }],
  ['frozen', 'modern', true, FROZEN_SPTE, { mmio: false, present: false, volatile: false }],
  ['empty', 'modern', true, 0n, { mmio: false, present: false }],
  [
    'mapped under NPT',
    'modern',
    false,
    bits(0, 1, 2, 5, 6, 9, 10, 11),
    { present: true, accessed: true, dirty: true, exec: true },
  ],
  ['NX under NPT', 'modern', false, bits(0, 2, 5, 11, 63), { exec: false }],
  ['reserved bit under NPT', 'modern', false, bits(0, 51), { mmio: true, present: false }],
  [
    'mapped in 5.11',
    '5.11',
    true,
    bits(0, 1, 2, 8, 9, 10, 11),
    { present: true, mmuWritable: true, volatile: true },
  ],
  ['type 3 in 5.11', '5.11', true, bits(52, 53), { mmio: true, present: false }],
  ['mapped in 2014', '2014', true, bits(0, 1, 2, 10, 11), { present: true, volatile: true }],
  ['marked in 2014', '2014', true, bits(1, 2, 62, 63), { mmio: true, present: false }],
  [
    'host-writable only, 2014',
    '2014',
    false,
    bits(0, 2, 5, 10),
    { present: true, mmuWritable: false, volatile: false },
  ],
  [
    'mapped in the 2012 series',
    '2012',
    false,
    bits(0, 1, 2, 5, 6, 10, 11),
    { present: true, mmuWritable: true, volatile: true },
  ],
])('%s (%s, EPT %s)', (_, layout, ept, spte, want) => {
  const f = spteFormat(layout, { ept });
  const got = {
    present: isShadowPresent(f, spte),
    mmio: isMmio(f, spte),
    accessed: isAccessed(f, spte),
    dirty: isDirty(f, spte),
    exec: isExecutable(f, spte),
    mmuWritable: isMmuWritable(f, spte),
    volatile: hasVolatileBits(f, spte),
  };
  expect(got).toMatchObject(want);
});

test('the condition of the 2012 text, WRITE_PROTECT both 1 and 0, fits no value; with MMU_WRITEABLE in its first half it does', () => {
  const f = spteFormat('2012', { ept: true });
  const asPrinted = (s: bigint) => (s & f.writeProtect) !== 0n && (s & f.writeProtect) === 0n;
  const corrected = (s: bigint) => (s & f.mmuWritable) !== 0n && (s & f.writeProtect) === 0n;
  fc.assert(fc.property(fc.bigInt(0n, (1n << 64n) - 1n), (s) => !asPrinted(s)));
  expect(corrected(bits(0, 2, 10, 11))).toBe(true);
  expect(corrected(bits(0, 2, 9, 10, 11))).toBe(false);
});

describe('access tracking, where the hardware has no A bit', () => {
  const mapped = bits(0, 1, 2, 11, 57, 58) | AdType.DISABLED;

  test('takes R, W and X away, saves R and X, and leaves the entry present for software', () => {
    const tracked = markForAccessTrack(EPT_NO_AD, mapped);
    expect(tracked & 0b111n).toBe(0n);
    expect(tracked & bits(54, 56)).toBe(bits(54, 56));
    expect([isShadowPresent(EPT_NO_AD, tracked), isAccessTrack(EPT_NO_AD, tracked)]).toEqual([true, true]);
    expect([isAccessed(EPT_NO_AD, tracked), hasVolatileBits(EPT_NO_AD, tracked)]).toEqual([false, true]);
  });

  test('gives R and X back, never W, and clears what was saved', () => {
    const restored = restoreAccTrack(EPT_NO_AD, markForAccessTrack(EPT_NO_AD, mapped));
    expect(restored).toBe(mapped & ~bits(1));
    expect(markForAccessTrack(EPT_NO_AD, restored)).toBe(markForAccessTrack(EPT_NO_AD, mapped));
  });

  test('saved bits never meet the writable bits', () => {
    expect(bits(54, 56) & (EPT_NO_AD.hostWritable | EPT_NO_AD.mmuWritable)).toBe(0n);
  });
});

test('with A bits, tracking is clearing A', () => {
  const mapped = bits(0, 1, 2, 8, 9, 11, 57, 58);
  expect(markForAccessTrack(EPT, mapped)).toBe(mapped & ~bits(8));
  expect(adEnabled(EPT, mapped)).toBe(true);
});

test('dirty logging goes by W where D is missing or set aside', () => {
  expect(needsWriteProtect(EPT, 0n)).toBe(false);
  expect(needsWriteProtect(EPT, AdType.WRPROT_ONLY)).toBe(true);
  expect(needsWriteProtect(EPT_NO_AD, 0n)).toBe(true);
});

test('a leaf is what has level 1 or the page-size bit', () => {
  expect([isLast(0n, 1), isLast(bits(7), 2), isLast(0n, 2)]).toEqual([true, true, false]);
});

test.each<[string, bigint, RegExp]>([
  ['W without MMU-writable', bits(0, 1, 11, 57), /not MMU-writable/],
  ['MMU-writable without host-writable', bits(0, 11, 58), /not host-writable/],
  ['W without R under EPT', bits(1, 11, 57, 58), /not readable/],
  ['the MMIO pattern in a present entry', bits(1, 2, 11, 57, 58), /MMIO/],
])('%s breaks an invariant', (_, spte, reason) => {
  expect(() => checkSpte(EPT, spte)).toThrow(reason);
});

test('no value is both present and MMIO or frozen in the modern layout', () => {
  for (const f of [EPT, EPT_NO_AD, NPT]) {
    expect(isShadowPresent(f, FROZEN_SPTE)).toBe(false);
    expect(isMmio(f, FROZEN_SPTE)).toBe(false);
    expect(f.mmioValue & f.mmuPresent).toBe(0n);
  }
});
