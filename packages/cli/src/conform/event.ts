/** The events of a kvm or kvmmmu trace that say something about an SPTE, as numbers. */
import type { TraceEvent } from '@faultline/lockdep';

export type SpteEvent = { readonly line: number; readonly cpu: number } & (
  | {
      /** An entry of the TDP MMU got another value. @kernel trace kvm_tdp_mmu_spte_changed */
      readonly kind: 'changed';
      readonly asId: number;
      readonly gfn: number;
      readonly level: number;
      readonly old: bigint;
      readonly next: bigint;
    }
  /** @kernel trace fast_page_fault */
  | { readonly kind: 'fast'; readonly gfn: number; readonly old: bigint; readonly next: bigint }
  /** A leaf was installed; `at` is the address of the entry. @kernel trace kvm_mmu_set_spte */
  | {
      readonly kind: 'set';
      readonly gfn: number;
      readonly level: number;
      readonly spte: bigint;
      readonly at: bigint;
    }
  /** A fault is about to map this. @kernel trace kvm_mmu_spte_requested */
  | { readonly kind: 'requested'; readonly gfn: number; readonly pfn: bigint; readonly level: number }
  /** A page table was made: its entries are empty. @kernel trace kvm_mmu_get_page */
  | { readonly kind: 'table'; readonly gfn: number; readonly level: number }
  /** @kernel trace check_mmio_spte */
  | {
      readonly kind: 'check-mmio';
      readonly spte: bigint;
      readonly current: number;
      readonly generation: number;
      readonly valid: boolean;
    }
  /** One of the above that cannot be read. */
  | { readonly kind: 'unreadable' }
);

const HEX = '(?:0x)?([0-9a-f]{1,16})';
const CHANGED = new RegExp(`^as id (\\d+) gfn ${HEX} level (\\d) old_spte ${HEX} new_spte ${HEX}$`);
const FAST = new RegExp(`\\bgva ${HEX} .*\\bold ${HEX} new ${HEX} spurious (\\d) fixed (\\d)`);
const SET = new RegExp(`^gfn ${HEX} spte ${HEX} \\(\\S+\\) level (\\d) at ${HEX}$`);
const REQUESTED = new RegExp(`^gfn ${HEX} pfn ${HEX} level (\\d)$`);
const TABLE = new RegExp(`\\bgfn ${HEX} l(\\d) .*(new|existing)$`);
const CHECK = new RegExp(`^spte ${HEX} kvm_gen ${HEX} spte-gen ${HEX} valid (\\d)$`);

/** Null for an event that tells nothing about an entry. */
export function spteEvent(event: TraceEvent, line: number): SpteEvent | null {
  const base = { line, cpu: event.cpu };
  const fields = (pattern: RegExp): string[] | null => pattern.exec(event.args)?.slice(1) ?? null;
  const unreadable: SpteEvent = { ...base, kind: 'unreadable' };
  switch (event.name) {
    case 'kvm_tdp_mmu_spte_changed': {
      const f = fields(CHANGED);
      if (f === null) return unreadable;
      const [asId = '', gfn = '', level = '', old = '', next = ''] = f;
      return {
        ...base,
        kind: 'changed',
        asId: Number(asId),
        gfn: frame(gfn),
        level: Number(level),
        old: big(old),
        next: big(next),
      };
    }
    case 'fast_page_fault': {
      const f = fields(FAST);
      if (f === null) return unreadable;
      const [gva = '', old = '', next = '', , fixed] = f;
      if (fixed !== '1') return null;
      return { ...base, kind: 'fast', gfn: Number(big(gva) >> 12n), old: big(old), next: big(next) };
    }
    case 'kvm_mmu_set_spte': {
      const f = fields(SET);
      if (f === null) return unreadable;
      const [gfn = '', spte = '', level = '', at = ''] = f;
      return { ...base, kind: 'set', gfn: frame(gfn), level: Number(level), spte: big(spte), at: big(at) };
    }
    case 'kvm_mmu_spte_requested': {
      const f = fields(REQUESTED);
      if (f === null) return unreadable;
      const [gfn = '', pfn = '', level = ''] = f;
      return { ...base, kind: 'requested', gfn: frame(gfn), pfn: big(pfn), level: Number(level) };
    }
    case 'kvm_mmu_get_page': {
      const f = fields(TABLE);
      if (f === null) return unreadable;
      const [gfn = '', level = '', how] = f;
      return how === 'new' ? { ...base, kind: 'table', gfn: frame(gfn), level: Number(level) } : null;
    }
    case 'check_mmio_spte': {
      const f = fields(CHECK);
      if (f === null) return unreadable;
      const [spte = '', current = '', generation = '', valid] = f;
      return {
        ...base,
        kind: 'check-mmio',
        spte: big(spte),
        current: Number.parseInt(current, 16),
        generation: Number.parseInt(generation, 16),
        valid: valid === '1',
      };
    }
    default:
      return null;
  }
}

function big(hex: string): bigint {
  return BigInt(`0x${hex}`);
}

/** Frame numbers stay below 2^52. */
function frame(hex: string): number {
  return Number(BigInt.asUintN(52, big(hex)));
}
