/** Traces in the kernel's print format of what the model does to an SPTE, for tests. */
import {
  AdType,
  adEnabled,
  FROZEN_SPTE,
  markForAccessTrack,
  PT_WRITABLE,
  restoreAccTrack,
  type SpteFormat,
} from '@faultline/kvm';

const hex = (value: bigint | number): string => value.toString(16);
const u64 = (value: bigint) => BigInt.asUintN(64, value);

/** A writable leaf as a fault installs it. */
export function leafOf(f: SpteFormat, pfn: bigint): bigint {
  const type = f.accessed === 0n ? AdType.DISABLED & f.typeMask : 0n;
  const hardware = f.readable | f.user | f.x | f.accessed | f.dirty | PT_WRITABLE | (f.ept ? 6n << 3n : 0n);
  return u64((pfn << 12n) | hardware | f.mmuPresent | f.hostWritable | f.mmuWritable | type);
}

export function tableOf(f: SpteFormat, pfn: bigint): bigint {
  const type = f.accessed === 0n ? AdType.DISABLED & f.typeMask : 0n;
  return u64((pfn << 12n) | f.readable | f.user | f.x | f.accessed | PT_WRITABLE | f.mmuPresent | type);
}

/** Writes one trace; each call is one event on `cpu`, a microsecond after the one before. */
export class TraceWriter {
  readonly lines: string[] = ['# tracer: nop', '#'];
  cpu = 0;

  event(name: string, args: string): number {
    const time = (1 + this.lines.length / 1_000_000).toFixed(6);
    this.lines.push(`       vcpu-${100 + this.cpu}    [00${this.cpu}] ...1.  ${time}: ${name}: ${args}`);
    return this.lines.length;
  }

  changed(gfn: number, level: number, old: bigint, next: bigint): number {
    return this.event(
      'kvm_tdp_mmu_spte_changed',
      `as id 0 gfn ${hex(gfn)} level ${level} old_spte ${hex(old)} new_spte ${hex(next)}`,
    );
  }

  table(gfn: number, level: number): number {
    return this.event(
      'kvm_mmu_get_page',
      `sp gen 0 gfn ${hex(gfn)} l${level} 8-byte q0 direct wux nxe ad root 0 sync new`,
    );
  }

  requested(gfn: number, pfn: bigint): number {
    return this.event('kvm_mmu_spte_requested', `gfn ${hex(gfn)} pfn ${hex(pfn)} level 1`);
  }

  set(gfn: number, spte: bigint): number {
    const at = 0x5000 + (gfn % 512) * 8;
    return this.event('kvm_mmu_set_spte', `gfn ${hex(gfn)} spte ${hex(spte)} (rwxu) level 1 at ${hex(at)}`);
  }

  fast(gfn: number, old: bigint, next: bigint): number {
    return this.event(
      'fast_page_fault',
      `vcpu 0 gva ${hex(gfn * 4096)} error_code W|U sptep 00000000abcdef00 old 0x${hex(old)} new ${hex(next)} spurious 0 fixed 1`,
    );
  }

  text(): string {
    return `${this.lines.join('\n')}\n`;
  }
}

/** Every edge of the state machine at least once, in an order that the model can make. Returns how many changes it has. */
export function everyEdge(w: TraceWriter, f: SpteFormat): number {
  const before = w.lines.length;
  for (const [level, pfn] of [
    [4, 3n],
    [3, 4n],
    [2, 5n],
  ] as const) {
    w.table(0, level);
    w.changed(0, level, 0n, tableOf(f, pfn));
  }
  w.table(0, 1);
  const map = (gfn: number, old: bigint, spte: bigint) => {
    w.requested(gfn, (spte & ((1n << 52n) - 1n)) >> 12n);
    w.changed(gfn, 1, old, spte);
    w.set(gfn, spte);
  };
  const leaf = leafOf(f, 0x123n);
  const mmio = u64(f.mmioValue | (7n << 12n));
  map(1, 0n, leaf);
  const readOnly = leaf & ~PT_WRITABLE;
  w.changed(1, 1, leaf, readOnly);
  w.fast(1, readOnly, leaf);
  const aged = markForAccessTrack(f, leaf);
  w.changed(1, 1, leaf, aged);
  const back = adEnabled(f, leaf) ? u64(aged | f.accessed) : restoreAccTrack(f, aged);
  if (!adEnabled(f, leaf)) w.fast(1, aged, back);
  if (adEnabled(f, leaf)) w.changed(1, 1, back, back & ~f.dirty);
  const last = adEnabled(f, leaf) ? back : u64(back | PT_WRITABLE);
  if (!adEnabled(f, leaf)) w.fast(1, back, last);
  const shadowed = last & ~(PT_WRITABLE | f.mmuWritable);
  w.changed(1, 1, last, shadowed);
  map(1, shadowed, last);
  w.changed(1, 1, last, 0n);
  w.changed(7, 1, 0n, mmio);
  w.changed(7, 1, mmio, 0n);
  map(7, 0n, leafOf(f, 0x456n));
  w.changed(7, 1, leafOf(f, 0x456n), FROZEN_SPTE);
  // Its owner gives it back without an event.
  map(7, 0n, leafOf(f, 0x789n));
  w.changed(0, 2, tableOf(f, 5n), 0n);
  w.changed(7, 1, leafOf(f, 0x789n), FROZEN_SPTE);
  w.changed(8, 1, 0n, FROZEN_SPTE);
  const huge = leafOf(f, 0x200n) | 0x80n;
  w.changed(0, 2, 0n, huge);
  w.changed(0, 2, huge, tableOf(f, 9n));
  w.changed(0, 2, tableOf(f, 9n), huge);
  w.changed(0, 2, huge, 0n);
  const events = w.lines.slice(before);
  return events.filter((l) => l.includes('spte_changed') || l.includes('fast_page')).length;
}
