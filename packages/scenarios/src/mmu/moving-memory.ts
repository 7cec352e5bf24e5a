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
  allocFrame,
  getDirtyLog,
  guestRead,
  guestWrite,
  mergePages,
  migratePage,
  pageReferenced,
  putPage,
  swapOut,
} from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { lendFrame } from '../vm/frames.ts';
import { HVA0, HVA1, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { deletion, region } from '../vm/small-vm.ts';

/** Operations of each thread in one round. */
const ACCESSES = 60;
const MOVES = 40;
const CHANGES = 4;
const HARVESTS = 6;
/** Page 0 is the first vCPU's, page 1 the second's; both lie in slot 0, which comes and goes. */
const PAGES = 2;
const FRAMES = 5;
const SLOT = region(0, PAGES, { flags: KVM_MEM_LOG_DIRTY_PAGES });

interface Machine extends MmuVm {
  readonly other: Vcpu;
}

/** Writes and reads back a page that no other vCPU writes. Returns how often it did not find what it had written. */
function* writeAndReadBack(vcpu: Vcpu, page: number): Task<number> {
  const address = gpa(page * PAGE_SIZE);
  let last = 0n;
  let lost = 0;
  for (let i = 1n; i <= BigInt(ACCESSES); i++) {
    // While its slot is gone the page is MMIO: nothing is written, nothing is lost.
    if ((yield* guestWrite(vcpu, address, i)).via === 'RAM') last = i;
    const read = yield* guestRead(vcpu, address);
    if (read.via === 'RAM' && read.value !== last) lost++;
  }
  return lost;
}

/** Takes pages away and gives their frames to somebody else for a while. Returns how often that one was overwritten. */
function* takeAwayAndReuse({ kvm, mm }: Machine): Task<number> {
  let overwritten = 0;
  for (let i = 0; i < MOVES; i++) {
    const address = hva((i % PAGES) * PAGE_SIZE);
    if (i % 8 === 1) yield* pageReferenced(kvm, address);
    if (i % 8 === 5) yield* mergePages(kvm, HVA0, HVA1);
    if (i % 4 === 3) {
      const to = yield* allocFrame(mm);
      if (to === null) continue;
      yield* migratePage(kvm, address, to);
      yield* putPage(mm, to);
      continue;
    }
    yield* swapOut(kvm, address);
    overwritten += yield* lendFrame(mm);
  }
  return overwritten;
}

/**
 * Two vCPUs write and read while the host swaps their pages out and in, ages, merges and migrates them and reuses their
 * frames, and user space harvests the dirty log, deletes the slot and creates it again. Each page has one writer, which
 * must always find what it wrote last; a frame that was given away must keep what its next owner wrote.
 */
export const movingMemory = scenario('mmu/moving-memory', {
  title: 'a write is lost, or lands in a frame of somebody else, while memory moves',
  source: 'mmu_stress_test',
  size: '2 vCPUs, 1 host thread, 1 thread that changes slots',
  deep: true,
  threadsOnly: 'four threads with hundreds of operations',
  arenaBytes: 1 << 20,
  defends: [],
  *setup() {
    const vm = yield* mmuVm({ pages: PAGES, frames: FRAMES, levels: 2 }, PAGES, KVM_MEM_LOG_DIRTY_PAGES);
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
      return yield* takeAwayAndReuse(vm);
    },
    *slots({ kvm }: Machine) {
      let failed = 0;
      for (let i = 0; i < CHANGES; i++) {
        // Each harvest makes the pages read-only again, and the next write to one a fast page fault.
        for (let k = 0; k < HARVESTS; k++) if (!Array.isArray(yield* getDirtyLog(kvm, 0))) failed++;
        if ((yield* setUserMemoryRegion(kvm, deletion())) !== 0) failed++;
        if ((yield* setUserMemoryRegion(kvm, SLOT)) !== 0) failed++;
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
