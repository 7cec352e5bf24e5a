/** Differences that are known: each with the kernels that it was seen on and its reason. docs/fidelity.md has the same list. */
import { Cap, errno } from '@faultline/kvm';
import type { Answer, Call } from './calls.ts';

/** One call as both sides answered it. */
export interface Pair {
  readonly call: Call;
  readonly ours: Answer;
  readonly theirs: Answer;
  /** Pages of the memory that the guest has read. */
  readonly read: ReadonlySet<number>;
  /** First page of each slot in the memory, by the argument that names the slot. */
  readonly bases: ReadonlyMap<number, number>;
}

export interface KnownDifference {
  readonly name: string;
  readonly kernels: string;
  readonly reason: string;
  /** The two sides are in different states afterwards: the sequence ends there. */
  readonly diverges?: boolean;
  explains(pair: Pair): boolean;
}

const { EINVAL } = errno;

export const READ_LOGGED = 'a page that was only read is in the log';

const DECIDED: ReadonlySet<number> = new Set<number>(Object.values(Cap));

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    name: 'capability of a part that the model has not',
    kernels: 'all',
    reason:
      'Interrupt controllers, clocks, CPUID, guest_memfd and the like are not modelled: KVM_CHECK_EXTENSION says 0 here.',
    explains: ({ call, ours }) =>
      call.call === 'KVM_CHECK_EXTENSION' && !DECIDED.has(call.cap) && ours.result === 0,
  },
  {
    name: 'eight vCPUs',
    kernels: 'all',
    reason:
      'KVM_CAP_MAX_VCPUS is 8 here, and what the kernel was configured for there. Sequences create fewer than that.',
    explains: ({ call, ours }) =>
      call.call === 'KVM_CHECK_EXTENSION' && call.cap === Cap.MAX_VCPUS && ours.result === 8,
  },
  {
    name: READ_LOGGED,
    kernels: '6.18, real mode emulated',
    reason:
      'With two-dimensional paging the first access maps a page, writable whatever it was, and so logs it. Where KVM emulates each instruction of real mode nothing is mapped, and only what is written is logged.',
    explains: readPagesMore,
  },
  {
    name: 'room in a dirty ring for the log of the hardware',
    kernels: 'all, with EPT and PML; not met',
    reason:
      'Such a machine keeps 512 more entries of each ring free, and refuses rings of 4,096 and 8,192 bytes. The model has rings or that log, not both.',
    diverges: true,
    explains: ({ call, ours, theirs }) =>
      call.call === 'KVM_ENABLE_CAP' &&
      isRing(call.cap) &&
      ours.result === 0 &&
      theirs.result === -EINVAL &&
      BigInt.asUintN(32, call.arg) <= 8192n,
  },
  {
    name: 'five levels of page tables on the host',
    kernels: 'all, where the processor has LA57; not met',
    reason: 'User space reaches up to 2^56 there; in the model it ends below 2^47.',
    diverges: true,
    explains: ({ call, ours, theirs }) =>
      call.call === 'KVM_SET_USER_MEMORY_REGION' &&
      ours.result === -EINVAL &&
      theirs.result === 0 &&
      call.userspaceAddr + call.memorySize > (1n << 47n) - 4096n,
  },
];

const isRing = (cap: number): boolean => cap === Cap.DIRTY_LOG_RING || cap === Cap.DIRTY_LOG_RING_ACQ_REL;

function readPagesMore({ call, ours, theirs, read, bases }: Pair): boolean {
  if (call.call !== 'KVM_GET_DIRTY_LOG' || ours.result !== 0 || theirs.result !== 0) return false;
  const base = bases.get(call.slot);
  return base !== undefined && onlyReadPagesMore(wordsOf(ours), wordsOf(theirs), base, read);
}

const wordsOf = ({ data = [] }: Answer): number[] => data.map(Number);

/** Our log has every page of theirs, and beyond them none that the guest has not read. `base`: its first page in the memory. */
export function onlyReadPagesMore(
  ours: readonly number[] | number,
  theirs: readonly number[] | number,
  base: number,
  read: ReadonlySet<number>,
): boolean {
  if (typeof ours === 'number' || typeof theirs === 'number') return false;
  const mine = pagesIn(ours);
  const other = pagesIn(theirs);
  const more = [...mine].filter((page) => !other.has(page));
  return [...other].every((page) => mine.has(page)) && more.every((page) => read.has(base + page));
}

function pagesIn(words: readonly number[]): Set<number> {
  const pages = new Set<number>();
  words.forEach((word, i) => {
    for (let bit = 0; bit < 32; bit++) if (((word >>> bit) & 1) === 1) pages.add(32 * i + bit);
  });
  return pages;
}
