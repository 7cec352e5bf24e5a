/** As before f082d86ea685, when nothing checked that MMU-writable implies host-writable. */
import type { Pfn } from '../src/types.ts';
import { pfnOf } from '../src/x86/spte.ts';
import { PT_WRITABLE, type SpteFormat } from '../src/x86/spte-format.ts';
import { markForAccessTrack } from '../src/x86/spte-predicates.ts';

/** @replaces packages/kvm/src/x86/tdp-set-spte.ts#changedPteSpte 4546217a */
export function changedPteSpte(f: SpteFormat, old: bigint, pfn: Pfn): bigint {
  const frames = (BigInt(pfnOf(old)) ^ BigInt(pfn)) << 12n;
  return markForAccessTrack(f, (old ^ frames) & ~(PT_WRITABLE | f.hostWritable | f.dirty));
}

/** @replaces packages/kvm/src/x86/spte-predicates.ts#checkSpte d5a0352d */
export function checkSpte(_f: SpteFormat, _spte: bigint): void {}
