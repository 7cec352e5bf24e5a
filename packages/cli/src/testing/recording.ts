/** The execution of the second table of locking.rst as a page shows it, for tests: one SPTE, one lock, a fence, a finding. */
import type { Page } from '../report/html-page.ts';
import type { RecordedRow, Recording } from '../report/recording.ts';

/** R, X, accessed, MMU-present, host- and MMU-writable; frame 5. */
const READ_ONLY = 0x600000000005905n;
const WRITABLE = READ_ONLY | 2n;
const DIRTY = WRITABLE | 0x200n;

const NONE = { number: 0, step: '', frames: [], held: null, touched: [], inDiagram: true } as const;
const hex = (value: bigint): string => `0x${value.toString(16)}`;
const frame = (fn: string, line: number) => [
  { fn, at: `packages/kvm/src/x86/${fn}.ts:${line}`, text: `${fn}(vcpu)` },
];
const touch = (before: bigint, after: bigint) => [{ cell: 0, before: hex(before), after: hex(after) }];

const rows: RecordedRow[] = [
  {
    ...NONE,
    thread: 1,
    kind: 'event',
    number: 1,
    text: 'write_lock(&kvm->mmu_lock)',
    frames: frame('zap', 3),
    held: ['kvm->mmu_lock (write)'],
    inDiagram: false,
  },
  {
    ...NONE,
    thread: 0,
    kind: 'event',
    number: 2,
    text: `cmpxchg(&sp->spt[0], ${hex(READ_ONLY)}, ${hex(WRITABLE)})`,
    step: 'mmu.fast_page_fault_cmpxchg',
    frames: [...frame('page_fault', 7), ...frame('fast_page_fault', 68)],
    held: [],
    touched: touch(READ_ONLY, WRITABLE),
  },
  { ...NONE, thread: 0, kind: 'fence', text: 'smp_mb()', inDiagram: false },
  {
    ...NONE,
    thread: 0,
    kind: 'event',
    number: 3,
    text: 'sets Dirty',
    frames: frame('walk', 70),
    held: [],
    touched: touch(WRITABLE, DIRTY),
  },
  {
    ...NONE,
    thread: 1,
    kind: 'event',
    number: 4,
    text: 'sp->spt[0] = 0x0',
    frames: frame('zap', 9),
    held: ['kvm->mmu_lock (write)'],
    touched: touch(DIRTY, 0n),
  },
  { ...NONE, thread: 1, kind: 'finding', text: 'frees <script>alert(1)</script> <==' },
];

export const RECORDING: Recording = {
  threads: ['vcpu0', 'zap'],
  cells: [{ place: 'sp->spt[0]', size: 8, first: hex(READ_ONLY) }],
  rows,
  config: { npt: 0, ad_bits: 1, mmio_layout: 2 },
};

export const PAGE: Page = {
  scenario: 'mmu/dirty-bit-lost',
  title: 'a zap overwrites the Dirty bit',
  verdict: 'violated',
  changes: ' (with plain-store)',
  headline: "falls: 'the guest reads what it wrote', in 56 of 855 executions",
  says: '',
  facts: [['claim from', 'locking.rst & "seed 003"']],
  token: 'f1.mmu/dirty-bit-lost.abc',
  command: 'npx faultline replay f1.mmu/dirty-bit-lost.abc',
  diagram: 'vcpu0   zap\n-----   ---\n',
  recording: RECORDING,
};
