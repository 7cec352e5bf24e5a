/** Names for the bits of an SPTE, by the format of the VM that it was recorded in. */
import {
  FROZEN_SPTE,
  generationBits,
  isAccessTrack,
  isMmioSpte,
  isShadowPresent,
  mmioGenerationOf,
  mmioGfnOf,
  type SpteFormat,
  spteFormat,
} from '@faultline/kvm';

/** Bits `lo` to `hi`, both included. */
export interface BitField {
  readonly lo: number;
  readonly hi: number;
  /** A letter or two: 'W', 'pfn'. */
  readonly tag: string;
  readonly name: string;
  /** Hardly ever changes, and is shown in short forms only where it does. */
  readonly quiet?: true;
}

export interface Decoded {
  /** The value in words: 'present, read-only', 'MMIO, generation 3'. */
  readonly says: string;
  readonly fields: readonly BitField[];
}

export type Decoder = (value: bigint) => Decoded;

/** For a VM with this configuration: numbers of `struct kvm_config`. */
export function spteDecoder(config: Readonly<Record<string, number>>): Decoder {
  const npt = config.npt === 1;
  const format = spteFormat('modern', { ept: !npt, ad: config.ad_bits !== 0 });
  const fields = fieldsOf(format);
  const mmioLayout = config.mmio_layout ?? 0;
  const mmioFields = fieldsOfMmio(mmioLayout);
  return (value) => {
    if (value === 0n) return { says: 'nothing here', fields };
    if (value === FROZEN_SPTE) return { says: 'frozen: one CPU owns it', fields };
    if (isMmioSpte(value, mmioLayout, npt)) {
      const says = `MMIO: gfn ${mmioGfnOf(value, mmioLayout)}, generation ${mmioGenerationOf(value, mmioLayout)}`;
      return { says, fields: mmioFields };
    }
    return { says: words(format, value), fields };
  };
}

function words(format: SpteFormat, value: bigint): string {
  if (!isShadowPresent(format, value)) return 'not present';
  const pfn = `frame ${(value & PFN) >> 12n}`;
  if (isAccessTrack(format, value)) return `present, access-tracked, ${pfn}`;
  const parts = ['present', (value & W) === 0n ? 'read-only' : 'writable', pfn];
  if ((value & format.accessed) !== 0n) parts.push('accessed');
  if ((value & format.dirty) !== 0n) parts.push('dirty');
  return parts.join(', ');
}

const W = 1n << 1n;
const PFN = ((1n << 52n) - 1n) & ~0xfffn;

function fieldsOf(format: SpteFormat): BitField[] {
  const { ept } = format;
  const fields: (BitField | null)[] = [
    one(format.readable, 'R', ept ? 'readable' : 'present for the hardware'),
    one(W, 'W', 'writable'),
    ept ? one(format.x, 'X', 'executable') : one(format.user, 'U', 'user'),
    ept ? { lo: 3, hi: 5, tag: 'MT', name: 'memory type', quiet: true } : null,
    ept ? { lo: 6, hi: 6, tag: 'I', name: 'ignore the PAT', quiet: true } : null,
    { lo: 7, hi: 7, tag: 'PS', name: 'large page', quiet: true },
    one(format.accessed, 'A', 'accessed'),
    one(format.dirty, 'D', 'dirty'),
    one(format.mmuPresent, 'P', 'MMU-present: KVM put a translation here'),
    { lo: 12, hi: 51, tag: 'pfn', name: 'frame, or the table below' },
    one(format.hostWritable, 'HW', 'host-writable'),
    one(format.mmuWritable, 'MW', 'MMU-writable: the fast path may set W'),
    format.typeMask === 0n
      ? null
      : { lo: 52, hi: 53, tag: 'AD', name: 'A/D type: 0 enabled, 1 disabled, 2 W only', quiet: true },
    format.accTrack === 0n
      ? null
      : { lo: 54, hi: 54, tag: 'sR', name: 'saved R of an access-tracked entry', quiet: true },
    format.accTrack === 0n
      ? null
      : { lo: 56, hi: 56, tag: 'sX', name: 'saved X of an access-tracked entry', quiet: true },
    one(format.nx, 'NX', 'not executable'),
  ];
  return fields.filter((field) => field !== null).sort((a, b) => a.lo - b.lo);
}

/** An MMIO entry keeps a part of the memslot generation where others keep permissions. */
function fieldsOfMmio(layout: number): BitField[] {
  const { lowMask, lowShift, highMask, highShift } = generationBits(layout);
  const low = lowMask << lowShift;
  const high = highMask << highShift;
  return [
    { lo: 0, hi: 2, tag: 'RWX', name: 'a combination that the hardware refuses', quiet: true },
    { lo: lowest(low), hi: highest(low), tag: 'gen', name: 'generation, low part' },
    { lo: 12, hi: lowest(high) - 1, tag: 'gfn', name: 'frame of the guest, as the layout keeps it' },
    { lo: lowest(high), hi: highest(high), tag: 'gen high', name: 'generation, high part' },
    { lo: highest(high) + 1, hi: 63, tag: 'mark', name: 'marks an MMIO entry in older layouts', quiet: true },
  ];
}

const highest = (mask: bigint): number => mask.toString(2).length - 1;
const lowest = (mask: bigint): number => highest(mask & -mask);

/** A field of one bit, null where the format has none. */
function one(mask: bigint, tag: string, name: string): BitField | null {
  if (mask === 0n) return null;
  const lo = lowest(mask);
  return { lo, hi: lo, tag, name };
}

/** Bits without names, from the highest that is ever set down: where there is no VM whose format would name them. */
export function plainDecoder(values: readonly bigint[]): Decoder {
  const width = Math.max(...values.map((value) => value.toString(2).length));
  const fields = Array.from({ length: width }, (_, lo) => ({
    lo,
    hi: lo,
    tag: String(lo),
    name: `bit ${lo}`,
  }));
  return () => ({ says: '', fields });
}
