/** What a page is told of an execution: the SPTEs by name, the bits by format, who holds what after each row. */
import { expect, test } from 'vitest';
import { RECORDING } from '../testing/recording.ts';
import { decodersOf, fieldStates, statesOf } from './html-states.ts';
import { isSpte } from './recording.ts';
import { spteDecoder } from './spte-bits.ts';

const EPT = spteDecoder({ npt: 0, ad_bits: 1, mmio_layout: 2 });
const NPT = spteDecoder({ npt: 1, ad_bits: 1, mmio_layout: 2 });
const tags = (decode: typeof EPT, value: bigint) => {
  const { fields } = decode(value);
  return fieldStates(fields, value, 0n).flatMap(({ tag, value: set }) => (set === 0n ? [] : [tag]));
};

test.each([
  ['sp->spt[3]', true],
  ['sp(2)->spt[0]', true],
  ['page->spte', true],
  ['spte', true],
  ['vcpu->sptep', false],
  ['kvm->spt_count', false],
  ['mm->ptes[0]', false],
])('%s is an SPTE: %s', (place, expected) => {
  expect(isSpte(place)).toBe(expected);
});

test('the same value has other bits on other hardware', () => {
  expect(tags(EPT, 0x600000000001b07n)).toEqual(['R', 'W', 'X', 'A', 'D', 'P', 'pfn', 'HW', 'MW']);
  expect(tags(NPT, 0x1e67n)).toEqual(['R', 'W', 'U', 'A', 'D', 'HW', 'MW', 'P', 'pfn']);
});

test.each([
  [0n, 'nothing here'],
  [0x5a0n, 'frozen: one CPU owns it'],
  [0x600000000005905n, 'present, read-only, frame 5, accessed'],
  [0x600000000005b07n, 'present, writable, frame 5, accessed, dirty'],
  [0x6n | (1n << 12n) | (3n << 3n), 'MMIO: gfn 1, generation 3'],
  [0x40n, 'not present'],
])('%s says: %s', (value, says) => {
  expect(EPT(value).says).toBe(says);
});

test('an entry without R, W and X is access-tracked where the hardware has no A bits', () => {
  const decode = spteDecoder({ npt: 0, ad_bits: 0, mmio_layout: 2 });
  const tracked = 0x800n | (0b101n << 54n) | (5n << 12n);
  expect(decode(tracked).says).toBe('present, access-tracked, frame 5');
  expect(tags(decode, tracked)).toEqual(['P', 'pfn', 'sR', 'sX']);
});

test('fields of a format never overlap', () => {
  for (const decode of [EPT, NPT]) {
    for (const value of [0n, 0x6n, (1n << 51n) | 1n]) {
      const { fields } = decode(value);
      fields.slice(1).forEach(({ lo }, i) => {
        expect(lo).toBeGreaterThan((fields[i] as { hi: number }).hi);
      });
    }
  }
});

test('locks and values stay as they are until a row changes them', () => {
  const states = statesOf(RECORDING);
  expect(states.map(({ held }) => held[1])).toEqual(Array(6).fill(['kvm->mmu_lock (write)']));
  expect(states.map(({ values }) => values[0])).toEqual([
    0x600000000005905n,
    0x600000000005907n,
    0x600000000005907n,
    0x600000000005b07n,
    0n,
    0n,
  ]);
});

test('without a VM bits have numbers, as many as are ever used', () => {
  const [decode] = decodersOf({ ...RECORDING, config: null });
  const { says, fields } = (decode as typeof EPT)(0n);
  expect(says).toBe('');
  expect(fields.map(({ tag }) => tag).slice(-2)).toEqual(['57', '58']);
});
