import {
  createVcpu,
  gpa,
  hva,
  KVM_MEM_LOG_DIRTY_PAGES,
  PAGE_SIZE,
  setUserMemoryRegion,
  type Vcpu,
} from '@faultline/kvm';
import {
  collapseHugePage,
  getDirtyLog,
  guestRead,
  guestWrite,
  mergePages,
  pageReferenced,
  rcuDoBatch,
  swapOut,
} from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { lendFrame } from '../vm/frames.ts';
import { type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { region } from '../vm/small-vm.ts';

/** Operations of each thread in one round. */
const ACCESSES = 40;
const MOVES = 40;
const CHANGES = 6;
const HARVESTS = 4;
/** Two huge pages of two pages each; of each, one page is the first vCPU's and one the second's. */
const PAGES = 4;
const FRAMES = 10;
const behind = (page: number) => hva((page % PAGES) * PAGE_SIZE);

interface Machine extends MmuVm {
  readonly other: Vcpu;
}

/** Writes and reads back two pages that no other vCPU writes. Returns how often it did not find what it had written. */
function* writeAndReadBack(vcpu: Vcpu, first: number): Task<number> {
  let lost = 0;
  for (let i = 1; i <= ACCESSES; i++) {
    const mine = gpa((first + 2 * (i % 2)) * PAGE_SIZE);
    yield* guestWrite(vcpu, mine, BigInt(i));
    if ((yield* guestRead(vcpu, mine)).value !== BigInt(i)) lost++;
    // What was written before must still be there.
    const before = (yield* guestRead(vcpu, gpa((first + 2 * ((i + 1) % 2)) * PAGE_SIZE))).value;
    if (before !== BigInt(i - 1)) lost++;
  }
  return lost;
}

/** Splits huge pages, puts them together again, and lends frames to somebody else. Returns how often that one was overwritten. */
function* splitAndCollapse({ kvm, mm }: Machine): Task<number> {
  let overwritten = 0;
  for (let i = 0; i < MOVES; i++) {
    if (i % 5 === 1) yield* pageReferenced(kvm, behind(i));
    if (i % 7 === 3) yield* mergePages(kvm, behind(i), behind(i + 1));
    if (i % 2 === 1) {
      yield* collapseHugePage(kvm, behind(i));
      continue;
    }
    yield* swapOut(kvm, behind(i >> 1));
    overwritten += yield* lendFrame(mm);
  }
  yield* rcuDoBatch(kvm);
  return overwritten;
}

/**
 * Two vCPUs write and read pages that lie in the same huge pages, while the host splits these, swaps pages of them out,
 * shares them and puts them together again, and user space turns logging on and off and harvests.
 */
export const movingHugeMemory = scenario('mmu/moving-huge-memory', {
  title: 'a write is lost, or lands in a frame of somebody else, while huge pages are split and put together',
  source: 'mmu_stress_test, dirty_log_perf_test',
  size: '2 vCPUs, 1 host thread, 1 thread that turns logging on and off, 2 huge pages of 2 pages',
  deep: true,
  threadsOnly: 'four threads with hundreds of operations',
  arenaBytes: 1 << 20,
  defends: [],
  *setup() {
    const vm = yield* mmuVm({ pages: PAGES, frames: FRAMES, levels: 2, hugePages: true }, PAGES);
    const other = (yield* createVcpu(vm.kvm, 1)) as Vcpu;
    return { ...vm, other };
  },
  threads: {
    *vcpu0({ vcpu }: Machine) {
      return yield* writeAndReadBack(vcpu, 0);
    },
    *vcpu1({ other }: Machine) {
      return yield* writeAndReadBack(other, 1);
    },
    *host(vm: Machine) {
      return yield* splitAndCollapse(vm);
    },
    *slots({ kvm }: Machine) {
      let failed = 0;
      for (let i = 0; i < CHANGES; i++) {
        const flags = i % 2 === 0 ? KVM_MEM_LOG_DIRTY_PAGES : 0;
        if ((yield* setUserMemoryRegion(kvm, region(0, PAGES, { flags }))) !== 0) failed++;
        for (let k = 0; flags !== 0 && k < HARVESTS; k++) {
          if (!Array.isArray(yield* getDirtyLog(kvm, 0))) failed++;
        }
      }
      return failed;
    },
  },
  always: {
    'a vCPU finds what it wrote': ({ results }) => results.vcpu0 === 0 && results.vcpu1 === 0,
    'a frame that was given away keeps what its new owner wrote': ({ results }) => results.host === 0,
    'no ioctl fails': ({ results }) => results.slots === 0,
  },
  sometimes: {},
});
