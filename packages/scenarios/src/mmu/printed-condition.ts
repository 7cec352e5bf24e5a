/** @area mmu */
import { spteFormat } from '@faultline/kvm/seams';
import {
  at,
  type Cell,
  cell64,
  type StructType,
  scenario,
  struct,
  type Task,
  type View,
} from '@faultline/machine';

/** One entry in the layout of the 2012 series, which had a third bit, WRITE_PROTECT. */
interface Entry extends View {
  readonly spte: Cell<bigint>;
}

const Entry: StructType<Entry> = struct('spte_2012', { spte: cell64 }, { as: 'entry' });

const {
  hostWritable: HOST_WRITEABLE,
  mmuWritable: MMU_WRITEABLE,
  writeProtect: WRITE_PROTECT,
} = spteFormat('2012', { ept: true });
const W = 1n << 1n;
/** Present, read-only, and free to be made writable: left so by dirty logging. */
const LOGGED = 0b101n | (1n << 12n) | HOST_WRITEABLE | MMU_WRITEABLE;

function* setup(): Task<Entry> {
  const entry = Entry.alloc();
  entry.spte.poke(LOGGED);
  return entry;
}

/** The fast path with the condition of one of the texts. Returns whether the fault is fixed. */
function* fastPath({ spte }: Entry, mayWrite: (value: bigint) => boolean): Task<boolean> {
  const old = yield* spte.readOnce();
  if (!mayWrite(old)) return false;
  return (yield* spte.cmpxchg(old, old | W, at('mmu.set_w_of_2012_cmpxchg'))) === old;
}

/** The page becomes a page table of the guest, so it is protected. */
function* protect({ spte }: Entry): Task {
  // At most one other changes the entry, and once.
  for (let tries = 0; tries < 2; tries++) {
    const old = yield* spte.readOnce();
    if ((yield* spte.cmpxchg(old, (old | WRITE_PROTECT) & ~W)) === old) return;
  }
}

/** Every execution ends with the page protected. */
const shadowIsReadOnly = (_: unknown, { spte }: Entry) => (spte.peek() & W) === 0n;

/**
 * Seed 003 asks for WRITE_PROTECT to be 1 and to be 0. No value has both, so nothing is ever fixed by the fast path, whose
 * reason to exist is that something is.
 */
export const printedConditionOf2012 = scenario('mmu/printed-condition-fits-no-entry', {
  title: 'the condition of the 2012 text, taken literally, lets no fault be fixed without mmu_lock',
  source: 'Documentation/virtual/kvm/locking.txt, v4 10/10, "fast page fault"',
  expect: 'violated',
  size: '1 fault, 1 protection',
  claims: [
    {
      seed: '003.5',
      says: 'W is set by cmpxchg if HOST_WRITEABLE is 1, WRITE_PROTECT is 1 and WRITE_PROTECT is 0',
      verdict: 'wrong',
      but: 'the first WRITE_PROTECT has to be MMU_WRITEABLE: mmu/corrected-condition-ignored',
    },
  ],
  setup,
  threads: {
    *vcpu0(entry: Entry) {
      return yield* fastPath(
        entry,
        (s) => (s & HOST_WRITEABLE) !== 0n && (s & WRITE_PROTECT) !== 0n && (s & WRITE_PROTECT) === 0n,
      );
    },
  },
  always: { 'a page that was protected only for logging is fixed': ({ results }) => results.vcpu0 },
  sometimes: {},
});

/** Seed 000 has lost the rest of the sentence: host-writable 1, WRITE_PROTECT 1. Those are the entries to keep away from. */
export const printedConditionOf2023 = scenario('mmu/printed-condition-unprotects', {
  title:
    'the condition of locking.rst, taken literally, makes pages writable that are protected for shadowing',
  source: 'Documentation/virt/kvm/locking.rst, "Fast page fault"',
  expect: 'violated',
  size: '1 fault, 1 protection',
  claims: [
    {
      seed: '000.23',
      says: 'W is set by cmpxchg if HOST_WRITEABLE is 1 and WRITE_PROTECT is 1',
      verdict: 'wrong',
      but: 'what has to be 1 besides is MMU-writable; WRITE_PROTECT, gone since, had to be 0',
    },
  ],
  setup,
  threads: {
    *vcpu0(entry: Entry) {
      return yield* fastPath(entry, (s) => (s & HOST_WRITEABLE) !== 0n && (s & WRITE_PROTECT) !== 0n);
    },
    *shadow(entry: Entry) {
      yield* protect(entry);
    },
  },
  always: { 'a page that is protected for shadowing is not writable': shadowIsReadOnly },
  sometimes: {},
});

/** As it was meant: both writable bits, and not protected. The protection changes the value, so the cmpxchg notices. */
export const correctedCondition = scenario('mmu/corrected-condition-ignored', {
  title: 'the fast path makes a page writable while it is being protected for shadowing',
  source: 'Documentation/virtual/kvm/locking.txt, v4 10/10, "fast page fault", corrected',
  size: '1 fault, 1 protection',
  claims: [
    { seed: '003.6', says: 'Any change of these bits is noticed by the cmpxchg', verdict: 'holds' },
    { seed: '000.24', says: 'Any change of these bits is noticed by the cmpxchg', verdict: 'holds' },
  ],
  defends: ['mmu.set_w_of_2012_cmpxchg'],
  setup,
  threads: {
    *vcpu0(entry: Entry) {
      return yield* fastPath(
        entry,
        (s) => (s & HOST_WRITEABLE) !== 0n && (s & MMU_WRITEABLE) !== 0n && (s & WRITE_PROTECT) === 0n,
      );
    },
    *shadow(entry: Entry) {
      yield* protect(entry);
    },
  },
  always: { 'a page that is protected for shadowing is not writable': shadowIsReadOnly },
  sometimes: {
    'the fast path makes the page writable': ({ results }) => results.vcpu0,
    'the protection comes first': ({ results }) => !results.vcpu0,
  },
});
