/**
 * Which format the entries of a trace are in. No event says so: each format that the model knows is held against the
 * values, and the one in which most of them are well formed is taken; the exit reasons tell EPT from NPT besides.
 */
import {
  AdType,
  adEnabled,
  checkSpte,
  FROZEN_SPTE,
  isLast,
  isMmio,
  isShadowPresent,
  PT_WRITABLE,
  type SpteFormat,
  spteFormat,
} from '@faultline/kvm';

export type SpteClass = 'empty' | 'frozen' | 'MMIO' | 'leaf' | 'table' | 'unknown';

/** Suppress #VE, of a kernel with TDX: set in all that is not present. */
const NONPRESENT = 1n << 63n;
/** Since 6.13 the frozen value shares no bit with the A and D bits of either format. */
const FROZEN_SINCE_6_13 = 0x498n;
const PFN = ((1n << 52n) - 1n) & ~0xfffn;

/** What the entry is, in this format, at this level. */
export function classOf(f: SpteFormat, spte: bigint, level: number): SpteClass {
  const plain = spte & ~NONPRESENT;
  if (plain === 0n) return 'empty';
  if (plain === FROZEN_SPTE || plain === FROZEN_SINCE_6_13) return 'frozen';
  if (isMmio(f, spte) && !(f.mmuPresent !== 0n && isShadowPresent(f, spte))) return 'MMIO';
  if (!isShadowPresent(f, spte)) return 'unknown';
  return isLast(spte, level) ? 'leaf' : 'table';
}

/** Whether KVM could have made this present value: its own bits agree with each other and with the hardware's. */
export function isWellFormed(f: SpteFormat, spte: bigint, level: number): boolean {
  const kind = classOf(f, spte, level);
  if (kind === 'unknown') return false;
  if (kind !== 'leaf' && kind !== 'table') return true;
  const type = spte & f.typeMask;
  if (f.ept ? (type === AdType.DISABLED) !== (f.accessed === 0n) : type !== 0n) return false;
  if (f.ept && type === (AdType.DISABLED | AdType.WRPROT_ONLY)) return false;
  if ((spte & unusedBits(f, kind)) !== 0n) return false;
  if (kind === 'table') return isWellFormedTable(f, spte);
  try {
    checkSpte(f, spte);
  } catch {
    return false;
  }
  return f.ept ? MEMORY_TYPES.has((spte >> 3n) & 7n) : (spte & f.readable) !== 0n && (spte & GLOBAL) === 0n;
}

const bits = (from: number, to: number): bigint => ((1n << BigInt(to - from + 1)) - 1n) << BigInt(from);

/** Bits that neither the hardware nor KVM has a use for in this format: a value of another layout has some of them. */
function unusedBits(f: SpteFormat, kind: 'leaf' | 'table'): bigint {
  const software = (f.ept ? bits(10, 11) : bits(9, 11)) | (bits(52, 62) & ~f.typeMask);
  if (kind === 'table') return software & ~f.mmuPresent;
  const saved = f.accTrack === 0n ? 0n : bits(54, 54) | bits(56, 56);
  const userExecute = f.ept && f.layout === 'modern' ? bits(10, 10) : 0n;
  return software & ~(f.hostWritable | f.mmuWritable | f.mmuPresent | saved | userExecute);
}

/** Uncached, write-combining, write-through, write-protected, write-back. */
const MEMORY_TYPES: ReadonlySet<bigint> = new Set([0n, 1n, 4n, 5n, 6n]);
const GLOBAL = 1n << 8n;

/** Everything is allowed there, and A is set from the start where there is one. */
function isWellFormedTable(f: SpteFormat, spte: bigint): boolean {
  if ((spte & f.readable) === 0n || (spte & PT_WRITABLE) === 0n || (spte & PFN) === 0n) return false;
  const reserved = f.ept ? 0b1111000n : GLOBAL;
  return (spte & reserved) === 0n && (!adEnabled(f, spte) || (spte & f.accessed) !== 0n);
}

export interface Candidate {
  readonly name: string;
  readonly format: SpteFormat;
}

const LAYOUTS = [
  ['modern', '5.12 and later'],
  ['5.11', '5.11 and before'],
  ['2014', '2014'],
] as const;

export const CANDIDATES: readonly Candidate[] = LAYOUTS.flatMap(([layout, since]) => [
  { name: `EPT with A/D bits, layout of ${since}`, format: spteFormat(layout, { ept: true }) },
  { name: `EPT without A/D bits, layout of ${since}`, format: spteFormat(layout, { ept: true, ad: false }) },
  { name: `NPT, layout of ${since}`, format: spteFormat(layout, { ept: false }) },
]);

export interface Decision {
  /** Formats in which equally many values are well formed; the first is used. */
  readonly fitting: readonly Candidate[];
  /** Of how many values that tell formats apart. */
  readonly values: number;
  readonly wellFormed: number;
}

/** Holds each format against the values given: pairs of a value and its level. The TDP MMU is younger than one of them. */
export function decideFormat(
  values: readonly (readonly [spte: bigint, level: number])[],
  hint: 'ept' | 'npt' | null,
  tdpMmu: boolean,
): Decision {
  const telling = values.filter(([spte]) => (spte & ~NONPRESENT & PFN) !== 0n);
  const scores = CANDIDATES.filter(({ format }) => !tdpMmu || format.layout !== '2014')
    .filter(({ format }) => hint === null || format.ept === (hint === 'ept'))
    .map((candidate) => ({
      candidate,
      score: telling.filter(([spte, level]) => isWellFormed(candidate.format, spte, level)).length,
    }));
  const best = Math.max(...scores.map(({ score }) => score));
  const fitting = scores.filter(({ score }) => score === best).map(({ candidate }) => candidate);
  return { fitting, values: telling.length, wellFormed: best };
}
