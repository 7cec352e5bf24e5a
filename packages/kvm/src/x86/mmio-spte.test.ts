import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Gfn, Pfn } from '../types.ts';
import { MmioLayout } from '../virt/kvm-config.ts';
import { isMmioSpte, makeMmioSpte, mmioGenerationOf, mmioGfnOf, truncateGeneration } from './mmio-spte.ts';
import { isPresent, isWritable, makeSpte, pfnOf } from './spte.ts';

const gfn = 0x1234 as Gfn;
const hex = (spte: bigint) => spte.toString(16).padStart(16, '0');

test('today bits 0-7 of the generation stand in bits 3-10, bits 8-18 in bits 52-62', () => {
  const base = makeMmioSpte(MmioLayout.MODERN, false, gfn, 0, 0n);
  expect(hex(makeMmioSpte(MmioLayout.MODERN, false, gfn, 0xff, 0n) ^ base)).toBe('00000000000007f8');
  expect(hex(makeMmioSpte(MmioLayout.MODERN, false, gfn, 0x7ff00, 0n) ^ base)).toBe('7ff0000000000000');
});

test('in 2014 bits 1-9 stand in bits 3-11, bits 10-19 in bits 52-61, and bit 0 nowhere', () => {
  const base = makeMmioSpte(MmioLayout.Y2014, false, gfn, 0, 0n);
  expect(hex(makeMmioSpte(MmioLayout.Y2014, false, gfn, 0x3fe, 0n) ^ base)).toBe('0000000000000ff8');
  expect(hex(makeMmioSpte(MmioLayout.Y2014, false, gfn, 0xffc00, 0n) ^ base)).toBe('3ff0000000000000');
  expect(makeMmioSpte(MmioLayout.Y2014, false, gfn, 1, 0n)).toBe(base);
});

test('before that bits 0-8 stood in bits 3-11, bits 9-18 in bits 52-61', () => {
  const base = makeMmioSpte(MmioLayout.BEFORE_2014, false, gfn, 0, 0n);
  expect(hex(makeMmioSpte(MmioLayout.BEFORE_2014, false, gfn, 0x1ff, 0n) ^ base)).toBe('0000000000000ff8');
  expect(hex(makeMmioSpte(MmioLayout.BEFORE_2014, false, gfn, 0x7fe00, 0n) ^ base)).toBe('3ff0000000000000');
});

test('an EPT entry is writable and executable but not readable; an NPT entry has a reserved bit', () => {
  expect(makeMmioSpte(MmioLayout.MODERN, false, gfn, 0, 0n) & 0b111n).toBe(0b110n);
  expect(makeMmioSpte(MmioLayout.MODERN, true, gfn, 0, 0n) & ((1n << 51n) | 1n)).toBe((1n << 51n) | 1n);
});

test('the top five physical address bits are set, and their values kept five places up', () => {
  const high = 0x3_e000_0000 as Gfn;
  const spte = makeMmioSpte(MmioLayout.MODERN, false, high, 0, 0n);
  expect((spte >> 41n) & 0x1fn).toBe(0x1fn);
  expect(mmioGfnOf(spte, MmioLayout.MODERN)).toBe(high);
  expect(mmioGfnOf(makeMmioSpte(MmioLayout.MODERN, false, gfn, 0, 0n), MmioLayout.MODERN)).toBe(gfn);
});

test('frame and generation come back from every layout, and no entry looks present or mapped', () => {
  const layouts = [MmioLayout.BEFORE_2014, MmioLayout.Y2014, MmioLayout.MODERN] as const;
  fc.assert(
    fc.property(
      fc.constantFrom(...layouts),
      fc.boolean(),
      fc.nat(2 ** 30),
      fc.nat(2 ** 30),
      (layout, npt, frame, generation) => {
        const spte = makeMmioSpte(layout, npt, frame as Gfn, generation, 0n);
        expect(isMmioSpte(spte, layout, npt)).toBe(true);
        expect(mmioGfnOf(spte, layout)).toBe(frame);
        const kept = truncateGeneration(generation, layout);
        expect(mmioGenerationOf(spte, layout)).toBe(layout === MmioLayout.Y2014 ? kept & ~1 : kept);
        if (layout === MmioLayout.MODERN) expect(isPresent(spte)).toBe(false);
      },
    ),
  );
});

test('a leaf gives its frame back, and is never taken for MMIO', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 30), fc.boolean(), fc.boolean(), (frame, writable, npt) => {
      const spte = makeSpte(frame as Pfn, writable, npt);
      expect([pfnOf(spte), isWritable(spte), isPresent(spte)]).toEqual([frame, writable, true]);
      expect(isMmioSpte(spte, MmioLayout.MODERN, npt)).toBe(false);
    }),
  );
});
