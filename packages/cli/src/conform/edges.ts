/**
 * The state machine of an SPTE, as the model has it: which functions may replace which value by which. The predicates and
 * the values of access tracking are those of packages/kvm, so an edge here is what the model does and no other reading
 * of the kernel.
 */
import {
  adEnabled,
  isAccessTrack,
  isMmio,
  isShadowPresent,
  markForAccessTrack,
  PT_WRITABLE,
  restoreAccTrack,
  type SpteFormat,
} from '@faultline/kvm';
import { classOf, isWellFormed, type SpteClass } from './format.ts';

export interface Transition {
  readonly gfn: number;
  readonly level: number;
  readonly old: bigint;
  readonly next: bigint;
  /** The CPU was about to map this frame here; undefined if the trace does not record that. */
  readonly inFault?: boolean;
}

export interface Edge {
  readonly name: string;
  /** The function that makes it, by the kernel's name: the model has it. */
  readonly by: string;
  readonly from: readonly SpteClass[];
  readonly to: SpteClass;
  /** Leaf to leaf of the same frame: is this the change? */
  readonly is?: (f: SpteFormat, t: Transition) => boolean;
  /** Only, or never, by a page fault. */
  readonly fault?: boolean;
}

/** A transition of the kernel that the model does not make, and why that is known. */
export interface Difference {
  readonly name: string;
  readonly kernel: string;
  readonly reason: string;
  readonly is: (f: SpteFormat, t: Transition) => boolean;
}

export type Verdict =
  | { readonly kind: 'edge'; readonly edge: Edge }
  | { readonly kind: 'known'; readonly difference: Difference }
  | { readonly kind: 'none'; readonly reason: string };

const PFN = ((1n << 52n) - 1n) & ~0xfffn;
const LARGE = 1n << 7n;
const u64 = (value: bigint) => BigInt.asUintN(64, value);

export const EDGES: readonly Edge[] = [
  { name: 'link a table', by: 'tdp_mmu_link_sp', from: ['empty'], to: 'table' },
  { name: 'map', by: 'tdp_mmu_map_handle_target_level', from: ['empty', 'MMIO'], to: 'leaf' },
  { name: 'mark as MMIO', by: 'make_mmio_spte', from: ['empty', 'MMIO'], to: 'MMIO' },
  { name: 'freeze', by: 'handle_removed_pt', from: ['empty', 'MMIO', 'leaf', 'table'], to: 'frozen' },
  { name: 'release', by: 'tdp_mmu_zap_spte_atomic', from: ['frozen'], to: 'empty' },
  { name: 'zap', by: 'tdp_mmu_zap_leafs', from: ['leaf'], to: 'empty' },
  { name: 'drop MMIO', by: 'tdp_mmu_zap_leafs', from: ['MMIO'], to: 'empty' },
  { name: 'unlink a table', by: 'tdp_mmu_set_spte', from: ['table'], to: 'empty' },
  { name: 'replace a table', by: 'tdp_mmu_map_handle_target_level', from: ['table'], to: 'leaf' },
  { name: 'split', by: 'tdp_mmu_split_huge_page', from: ['leaf'], to: 'table' },
  {
    name: 'write-protect for logging',
    by: 'wrprot_gfn_range',
    ...leafs(false),
    is: (_, { old, next }) => (old & PT_WRITABLE) !== 0n && next === (old & ~PT_WRITABLE),
  },
  {
    name: 'write-protect a page table',
    by: 'write_protect_gfn',
    ...leafs(false),
    is: (f, { old, next }) =>
      (old & f.mmuWritable) !== 0n && next === u64(old & ~(PT_WRITABLE | f.mmuWritable)),
  },
  {
    name: 'clear Dirty',
    by: 'clear_dirty_gfn_range',
    ...leafs(false),
    is: (f, { old, next }) => adEnabled(f, old) && (old & f.dirty) !== 0n && next === u64(old & ~f.dirty),
  },
  {
    name: 'age',
    by: 'age_gfn_range',
    ...leafs(false),
    is: (f, { old, next }) => next !== old && next === u64(markForAccessTrack(f, old)),
  },
  {
    name: 'map again',
    by: 'tdp_mmu_map_handle_target_level',
    ...leafs(true),
    is: (f, { old, next }) => old !== next && allowsAll(f, old, next),
  },
];

export const DIFFERENCES: readonly Difference[] = [
  {
    name: 'mapped again without Dirty',
    kernel: '6.1',
    reason:
      'a second vCPU faults on a leaf that the first has just made writable: make_spte() of 6.1 leaves Dirty out then, ours writes the same value again and reports it as spurious. The hardware sets Dirty at the next write; nothing is lost, because the page is in the log since the first fault.',
    is: (f, { old, next, inFault }) =>
      inFault === true &&
      (old & PT_WRITABLE) !== 0n &&
      (old & f.dirty) !== 0n &&
      next === u64(old & ~f.dirty),
  },
];

/** Which edge the transition is, if it is one. */
export function judge(f: SpteFormat, t: Transition): Verdict {
  const from = classOf(f, t.old, t.level);
  const to = classOf(f, t.next, t.level);
  if (from === 'unknown' || to === 'unknown')
    return none(`the ${from === 'unknown' ? 'old' : 'new'} value is none of this format`);
  if (t.level === 1 && (from === 'table' || to === 'table')) return none('a table below the lowest level');
  if (!isWellFormed(f, t.next, t.level))
    return none('the new value breaks what holds for each value of this format');
  if (to === 'MMIO' && !namesFrame(f, t)) return none('the MMIO entry names another frame');
  const possible = EDGES.filter((edge) => edge.to === to && edge.from.includes(from));
  if (from === 'leaf' && to === 'leaf') return judgeLeafs(f, t, possible);
  const edge = possible[0];
  if (edge === undefined) return none(`nothing in the model turns ${said(from)} into ${said(to)}`);
  return { kind: 'edge', edge };
}

/** A fix without mmu_lock. @kernel fast_page_fault arch/x86/kvm/mmu/mmu.c */
export function isFastFix(f: SpteFormat, old: bigint, next: bigint): boolean {
  if (!isShadowPresent(f, old)) return false;
  const readable = accessible(f, old);
  if (next === readable) return next !== old;
  return (old & f.mmuWritable) !== 0n && (old & PT_WRITABLE) === 0n && next === u64(readable | PT_WRITABLE);
}

/** What the hardware may have done to a leaf on its own: A, and D where W is. */
export function mayHardwareTurn(f: SpteFormat, old: bigint, next: bigint): boolean {
  if (!isShadowPresent(f, old) || !adEnabled(f, old)) return false;
  const set = u64(next & ~old);
  if ((old & ~next) !== 0n || (set & ~(f.accessed | f.dirty)) !== 0n) return false;
  return (set & f.dirty) === 0n || (old & PT_WRITABLE) !== 0n;
}

/** What access tracking took away, given back. */
function accessible(f: SpteFormat, spte: bigint): bigint {
  return isAccessTrack(f, spte) ? restoreAccTrack(f, spte) : spte;
}

function leafs(fault: boolean): Pick<Edge, 'from' | 'to' | 'fault'> {
  return { from: ['leaf'], to: 'leaf', fault };
}

function judgeLeafs(f: SpteFormat, t: Transition, possible: readonly Edge[]): Verdict {
  if ((t.old & PFN) !== (t.next & PFN))
    return none('a leaf changes its frame without passing through non-present');
  const known = DIFFERENCES.find((difference) => difference.is(f, t));
  if (known !== undefined) return { kind: 'known', difference: known };
  const edge = possible.find(
    (e) =>
      e.is?.(f, t) === true && (t.inFault === undefined || e.fault === undefined || e.fault === t.inFault),
  );
  if (edge !== undefined) return { kind: 'edge', edge };
  if (t.old === t.next) return none('the value does not change');
  return none(
    `nothing in the model changes these bits of a leaf${t.inFault === undefined ? '' : t.inFault ? ' in a fault' : ' outside a fault'}`,
  );
}

/** A fault maps what it found: nothing that was allowed is taken away. */
function allowsAll(f: SpteFormat, old: bigint, next: bigint): boolean {
  if (((old ^ next) & LARGE) !== 0n) return false;
  const lost = u64(accessible(f, old) & ~next);
  return (lost & (f.readable | PT_WRITABLE | f.user | f.x)) === 0n && (next & ~old & f.nx) === 0n;
}

/** Address bits from 31 on may stand elsewhere (L1TF), where depends on a width that the trace does not tell. */
function namesFrame(f: SpteFormat, { gfn, next }: Transition): boolean {
  const low = (1n << 31n) - 1n;
  return isMmio(f, next) && (next & low) >> 12n === (BigInt(gfn) & (low >> 12n));
}

function none(reason: string): Verdict {
  return { kind: 'none', reason };
}

function said(state: SpteClass): string {
  if (state === 'empty' || state === 'leaf') return state === 'empty' ? 'an empty entry' : 'a leaf';
  if (state === 'table') return 'an entry that leads to a table';
  return state === 'MMIO' ? 'an MMIO entry' : 'a frozen entry';
}
