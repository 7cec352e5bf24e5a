/**
 * Where the bits of an SPTE stand. Hardware decides some (EPT or not), KVM the rest, and it has moved its own over the
 * years:
 *
 *   modern   MMU-present 11; EPT: host-writable 57, MMU-writable 58; others: 9 and 10
 *   5.11     host-writable 10, MMU-writable 11; present: not 0 and not MMIO (type 3 in bits 52-53)
 *   2014     host-writable 10, MMU-writable 11; no access tracking; present: not 0 and not MMIO (bits 62 and 63)
 *   2012     the series that became the fast path: a third bit, WRITE_PROTECT, folded away before it was merged
 *
 * @kernel kvm_mmu_set_ept_masks, kvm_mmu_reset_all_pte_masks arch/x86/kvm/mmu/spte.c
 */
export type SpteLayout = 'modern' | '5.11' | '2014' | '2012';

export interface SpteFormat {
  readonly layout: SpteLayout;
  readonly ept: boolean;
  /** 0 where the hardware (or the VM) has no A/D bits. */
  readonly accessed: bigint;
  readonly dirty: bigint;
  readonly hostWritable: bigint;
  readonly mmuWritable: bigint;
  /** 2012 only. */
  readonly writeProtect: bigint;
  /** Present for software; 0 where presence is "not 0 and not MMIO". */
  readonly mmuPresent: bigint;
  readonly readable: bigint;
  readonly user: bigint;
  /** EPT: set to allow execution. Others: set in `nx` to forbid it. */
  readonly x: bigint;
  readonly nx: bigint;
  /** Bits that access tracking takes away: R, W and X of EPT; 0 where tracking is by A bits. */
  readonly accTrack: bigint;
  /** Bits 52-53; 0 where there is no type. */
  readonly typeMask: bigint;
  readonly mmioMask: bigint;
  readonly mmioValue: bigint;
}

const bit = (n: number): bigint => 1n << BigInt(n);

export const PT_WRITABLE = bit(1);
export const PT_PAGE_SIZE = bit(7);
/** Distance of the saved R and X bits of an access-tracked SPTE: to 54 and 56. */
export const SAVED_SHIFT = 54n;
export const SAVED_MASK = 0b101n << SAVED_SHIFT;
/** Values of the type field: A/D bits in use, not in use, in use but dirty logging by W. */
export const AdType = { ENABLED: 0n, DISABLED: bit(52), WRPROT_ONLY: bit(53) } as const;
const TYPE_MASK = bit(52) | bit(53);

interface Choice {
  readonly ept: boolean;
  /** The hardware sets A and D, and KVM uses them. */
  readonly ad?: boolean;
}

/** The format of a VM of this layout on this hardware. Two calls with the same arguments give the same object. */
export function spteFormat(layout: SpteLayout, { ept, ad = true }: Choice): SpteFormat {
  const key = `${layout}/${ept}/${ad}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = { ...hardware(ept, ad), ...software(layout, ept), layout, ept };
    formats.set(key, format);
  }
  return format;
}

const formats = new Map<string, SpteFormat>();

type Hardware = Pick<SpteFormat, 'accessed' | 'dirty' | 'readable' | 'user' | 'x' | 'nx'>;
type Software = Omit<SpteFormat, keyof Hardware | 'layout' | 'ept'>;

function hardware(ept: boolean, ad: boolean): Hardware {
  if (ept) {
    const accessed = ad ? bit(8) : 0n;
    return { accessed, dirty: ad ? bit(9) : 0n, readable: bit(0), user: bit(0), x: bit(2), nx: 0n };
  }
  return { accessed: bit(5), dirty: bit(6), readable: bit(0), user: bit(2), x: 0n, nx: bit(63) };
}

function software(layout: SpteLayout, ept: boolean): Software {
  const mmio = ept
    ? { mmioMask: 0b111n, mmioValue: 0b110n }
    : { mmioMask: bit(51) | 1n, mmioValue: bit(51) | 1n };
  const none = { writeProtect: 0n, mmuPresent: 0n, accTrack: 0n, typeMask: 0n };
  switch (layout) {
    case 'modern':
      return {
        ...none,
        ...mmio,
        hostWritable: ept ? bit(57) : bit(9),
        mmuWritable: ept ? bit(58) : bit(10),
        mmuPresent: bit(11),
        accTrack: ept ? 0b111n : 0n,
        typeMask: ept ? TYPE_MASK : 0n,
      };
    case '5.11':
      return {
        ...none,
        hostWritable: bit(10),
        mmuWritable: bit(11),
        accTrack: ept ? 0b111n : 0n,
        typeMask: TYPE_MASK,
        mmioMask: TYPE_MASK,
        mmioValue: TYPE_MASK,
      };
    case '2014':
      return {
        ...none,
        hostWritable: bit(10),
        mmuWritable: bit(11),
        mmioMask: bit(62) | bit(63),
        mmioValue: bit(62) | bit(63),
      };
    default:
      return {
        ...none,
        hostWritable: bit(10),
        mmuWritable: bit(11),
        writeProtect: bit(9),
        mmioMask: bit(62) | bit(63),
        mmioValue: bit(62) | bit(63),
      };
  }
}
