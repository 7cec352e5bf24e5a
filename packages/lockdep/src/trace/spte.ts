/** Which page-table format a value is in: EPT (TDP on Intel), or the x86 format of NPT and shadow paging. */
export type SpteFormat = 'ept' | 'npt';

export interface SpteBits {
  readonly value: bigint;
  readonly format: SpteFormat;
  readonly state: 'empty' | 'frozen' | 'mmio' | 'leaf' | 'table' | 'unknown';
  /** Every bit that is set, low to high, with what it means; the frame number is one entry. */
  readonly bits: readonly { readonly bits: string; readonly meaning: string }[];
  /** Frame for leaf and table, gfn for MMIO; null otherwise. */
  readonly pfn: bigint | null;
  /** Memslot generation stored in an MMIO entry. */
  readonly generation: number | null;
  readonly writable: boolean;
  readonly hostWritable: boolean;
  readonly mmuWritable: boolean;
  readonly accessed: boolean;
  readonly dirty: boolean;
  /** Present to software, but made inaccessible to notice the next access. */
  readonly accessTracked: boolean;
}

const bit = (n: number): bigint => 1n << BigInt(n);
const has = (v: bigint, n: number): boolean => (v & bit(n)) !== 0n;
const PFN_MASK = (bit(52) - 1n) & ~(bit(12) - 1n);
/** SHADOW_NONPRESENT_VALUE with TDX: suppress-#VE. */
const NONPRESENT = bit(63);
const FROZEN = [
  0x5a0n,
  0x5a0n | NONPRESENT,
  0x498n,
  0x498n | NONPRESENT,
  0x5a0n | 0x498n | NONPRESENT,
  0x5b8n,
  0x5b8n | NONPRESENT,
];
/** The software bits of 5.12 and later: present 11; EPT host/MMU-writable 57/58, x86 format 9/10. */
const SW_PRESENT = 11;

const EPT_BITS: readonly [number, string][] = [
  [0, 'readable'],
  [1, 'writable'],
  [2, 'executable'],
  [6, 'ignore guest PAT'],
  [7, 'large page'],
  [8, 'accessed'],
  [9, 'dirty'],
  [10, 'executable for user mode'],
  [SW_PRESENT, 'present to software'],
  [54, 'saved readable (access tracking)'],
  [56, 'saved executable (access tracking)'],
  [57, 'host-writable'],
  [58, 'MMU-writable'],
  [63, 'suppress #VE'],
];
const NPT_BITS: readonly [number, string][] = [
  [0, 'present'],
  [1, 'writable'],
  [2, 'user'],
  [3, 'write-through'],
  [4, 'cache disabled'],
  [5, 'accessed'],
  [6, 'dirty'],
  [7, 'large page'],
  [8, 'global'],
  [9, 'host-writable'],
  [10, 'MMU-writable'],
  [SW_PRESENT, 'present to software'],
  [63, 'no-execute'],
];

/**
 * Takes an SPTE of a 5.12 or later kernel apart, bit by bit.
 * @param level 1 for 4 KiB; decides leaf or table together with the large-page bit
 */
export function decodeSpte(value: bigint, format: SpteFormat, level: number): SpteBits {
  const v = BigInt.asUintN(64, value);
  const frozen = FROZEN.includes(v);
  const present = has(v, SW_PRESENT);
  const state = stateOf(v, format, level, frozen, present);
  const ept = format === 'ept';
  const adDisabled = ept && ((v >> 52n) & 3n) === 1n;
  const tracked = present && adDisabled && (v & 7n) === 0n;
  return {
    value: v,
    format,
    state,
    bits: state === 'mmio' ? mmioBits(v, format) : namedBits(v, ept ? EPT_BITS : NPT_BITS, ept, present),
    pfn:
      state === 'leaf' || state === 'table'
        ? (v & PFN_MASK) >> 12n
        : state === 'mmio'
          ? mmioGfn(v, format)
          : null,
    generation: state === 'mmio' ? mmioGeneration(v) : null,
    writable: has(v, 1) && state !== 'mmio',
    hostWritable: has(v, ept ? 57 : 9),
    mmuWritable: has(v, ept ? 58 : 10),
    accessed: adDisabled ? !tracked : has(v, ept ? 8 : 5),
    dirty: adDisabled ? has(v, 1) : has(v, ept ? 9 : 6),
    accessTracked: tracked,
  };
}

/** Eight low bits in SPTE bits 3 to 10, eleven high bits in 52 to 62. */
export function mmioGeneration(v: bigint): number {
  return Number((v >> 3n) & 0xffn) | (Number((v >> 52n) & 0x7ffn) << 8);
}

/** One line: state, frame, the bits that protocol arguments are about. */
export function spteInShort(s: SpteBits): string {
  switch (s.state) {
    case 'empty':
      return 'empty';
    case 'frozen':
      return 'frozen: owned by one thread while it is being changed';
    case 'mmio':
      return `MMIO gfn ${hex(s.pfn ?? 0n)}, generation ${s.generation}`;
    case 'table':
      return `table at pfn ${hex(s.pfn ?? 0n)}`;
    case 'leaf': {
      const flags = [
        s.writable ? 'W' : '-',
        s.hostWritable ? 'H' : '-',
        s.mmuWritable ? 'M' : '-',
        s.accessed ? 'A' : '-',
        s.dirty ? 'D' : '-',
      ].join('');
      return `leaf pfn ${hex(s.pfn ?? 0n)} ${flags}${s.accessTracked ? ' access-tracked' : ''}`;
    }
    case 'unknown':
      return 'not the layout of 5.12 or later';
  }
}

export function hex(v: bigint): string {
  return v.toString(16);
}

function stateOf(
  v: bigint,
  format: SpteFormat,
  level: number,
  frozen: boolean,
  present: boolean,
): SpteBits['state'] {
  if (v === 0n || v === NONPRESENT) return 'empty';
  if (frozen) return 'frozen';
  if (present) return level === 1 || has(v, 7) ? 'leaf' : 'table';
  if (format === 'ept' ? (v & 7n) === 6n : has(v, 51) && has(v, 0)) return 'mmio';
  return 'unknown';
}

/** The x86 format marks MMIO with bit 51 and the present bit; the L1TF trick may move high address bits: not undone. */
function mmioGfn(v: bigint, format: SpteFormat): bigint {
  const mask = format === 'npt' ? PFN_MASK & ~bit(51) : PFN_MASK;
  return (v & mask) >> 12n;
}

function mmioBits(v: bigint, format: SpteFormat): { bits: string; meaning: string }[] {
  const mark =
    format === 'ept'
      ? "write and execute without read: a misconfiguration, KVM's mark of MMIO"
      : "present with reserved bit 51: KVM's mark of MMIO";
  return [
    { bits: format === 'ept' ? '2:0' : '51, 0', meaning: mark },
    { bits: '10:3', meaning: `generation, low 8 bits: ${(v >> 3n) & 0xffn}` },
    { bits: '62:52', meaning: `generation, high 11 bits: ${(v >> 52n) & 0x7ffn}` },
    { bits: '51:12', meaning: `gfn ${hex(mmioGfn(v, format))}` },
  ];
}

function namedBits(
  v: bigint,
  names: readonly [number, string][],
  ept: boolean,
  present: boolean,
): { bits: string; meaning: string }[] {
  const found: { at: number; bits: string; meaning: string }[] = [];
  for (const [n, meaning] of names) if (has(v, n)) found.push({ at: n, bits: String(n), meaning });
  if (ept && present) {
    const type = Number((v >> 3n) & 7n);
    found.push({
      at: 3,
      bits: '5:3',
      meaning: `memory type ${type}${type === 6 ? ' (write-back)' : type === 0 ? ' (uncached)' : ''}`,
    });
    const ad = Number((v >> 52n) & 3n);
    if (ad > 0)
      found.push({
        at: 52,
        bits: '53:52',
        meaning: ad === 1 ? 'A/D bits disabled' : ad === 2 ? 'write-protect instead of D' : 'type 3',
      });
  }
  const pfn = (v & PFN_MASK) >> 12n;
  if (pfn > 0n) found.push({ at: 12, bits: '51:12', meaning: `pfn ${hex(pfn)}` });
  return found.sort((a, b) => a.at - b.at).map(({ bits, meaning }) => ({ bits, meaning }));
}
