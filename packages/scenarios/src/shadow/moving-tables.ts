import {
  createVcpu,
  createVm,
  gfn,
  gpa,
  hva,
  KVM_MEM_LOG_DIRTY_PAGES,
  type Kvm,
  PAGE_SIZE,
  type Pfn,
  setUserMemoryRegion,
  type Vcpu,
} from '@faultline/kvm';
import {
  allocFrame,
  frameWord,
  getDirtyLog,
  guestMmuOf,
  guestRead,
  guestWrite,
  invlpg,
  loadCr3,
  type MmStruct,
  mergePages,
  migratePage,
  mmuLoad,
  pageReferenced,
  putPage,
  shadowZapAllFast,
  swapOut,
} from '@faultline/kvm/seams';
import { type AnyScenario, scenario, type Task } from '@faultline/machine';
import { lendFrame } from '../vm/frames.ts';
import type { MmuVm } from '../vm/mmu-vm.ts';
import { entryFor } from '../vm/shadow-vm.ts';
import { region } from '../vm/small-vm.ts';

/**
 *   frames 0 to 3:  data; 0 and 1 are the first vCPU's, 2 and 3 the second's
 *   frame 4:        the last-level table of virtual pages 0 to 3
 *   frame 5:        that of virtual pages 4 to 7: there the tables can be written
 *   frame 6:        the top table of both vCPUs
 */
const TABLES = [
  [0, 1, 2, 3],
  [4, 5, 6],
  [4, 5],
] as const;
const FIRST_TABLE = 4;
const PAGES = 7;
const FRAMES = 11;
const TOP = gfn(6);
const ROUNDS = 40;
const MOVES = 30;

interface Machine extends MmuVm {
  readonly vcpus: readonly Vcpu[];
}

const address = (page: number, word = 0) => gpa(page * PAGE_SIZE + 8 * word);

/**
 * One vCPU with two pages of its own and the two entries that lead to them: it swaps these, flushes in one of two ways, and
 * looks for what it wrote. Now and then it writes the top table, as it is. Returns how often it found something else.
 */
function* useTables(vcpu: Vcpu, i: number): Task<number> {
  const own = [2 * i, 2 * i + 1] as const;
  const held = [0n, 0n];
  let swapped = 0;
  let lost = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const which = round & 1;
    const value = BigInt(1000 * (i + 1) + round);
    yield* guestWrite(vcpu, address(own[which] as number), value);
    held[which ^ swapped] = value;
    for (let k = 0; k < 2; k++) {
      const { value: found } = yield* guestRead(vcpu, address(own[k] as number));
      if (found !== held[k ^ swapped]) lost++;
    }
    if (round % 3 === 0) {
      swapped ^= 1;
      for (let k = 0; k < 2; k++) {
        yield* guestWrite(vcpu, address(4, own[k] as number), entryFor(own[k ^ swapped] as number));
        if (round % 2 === 0) yield* invlpg(vcpu, own[k] as number);
      }
      if (round % 2 !== 0) yield* loadCr3(vcpu, TOP);
    }
    if (round % 7 === 0) yield* guestWrite(vcpu, address(6, 1), entryFor(5));
  }
  return lost;
}

/** Takes data pages away, moves, merges and ages them. Returns how often a frame's next owner was overwritten. */
function* moveMemory({ kvm, mm }: Machine): Task<number> {
  let overwritten = 0;
  for (let i = 0; i < MOVES; i++) {
    const page = hva((i % 4) * PAGE_SIZE);
    if (i % 5 === 1) yield* pageReferenced(kvm, page);
    if (i % 9 === 4) yield* mergePages(kvm, hva(0), hva(2 * PAGE_SIZE));
    const to = i % 4 === 3 ? yield* allocFrame(mm) : null;
    if (to !== null) {
      yield* migratePage(kvm, page, to);
      yield* putPage(mm, to);
      continue;
    }
    yield* swapOut(kvm, page);
    overwritten += yield* lendFrame(mm);
  }
  return overwritten;
}

function moving(name: string, spinlock: boolean): AnyScenario {
  const lock = spinlock
    ? 'mmu_lock a spinlock, postponed flushes'
    : 'mmu_lock a rwlock, real vCPU entry and flushes';
  return scenario(`shadow/${name}`, {
    title: 'a write is lost, or lands in a frame of somebody else, while tables and memory move',
    source: 'kvm-unit-tests access, mmu_stress_test',
    size: `2 vCPUs that change their own tables, 1 host thread, 1 thread that harvests and zaps; ${lock}`,
    deep: true,
    threadsOnly: 'four threads with hundreds of operations',
    arenaBytes: 1 << 21,
    defends: [],
    *setup() {
      return yield* machine(spinlock);
    },
    threads: {
      *vcpu0({ vcpus }: Machine) {
        return yield* useTables(vcpus[0] as Vcpu, 0);
      },
      *vcpu1({ vcpus }: Machine) {
        return yield* useTables(vcpus[1] as Vcpu, 1);
      },
      *host(vm: Machine) {
        return yield* moveMemory(vm);
      },
      *user({ kvm }: Machine) {
        let failed = 0;
        for (let i = 0; i < 8; i++) {
          if (!Array.isArray(yield* getDirtyLog(kvm, 0))) failed++;
          yield* kvm.slotsLock.lock();
          if (i % 2 === 1) yield* shadowZapAllFast(kvm);
          yield* kvm.slotsLock.unlock();
        }
        return failed;
      },
    },
    always: {
      'a vCPU finds what it wrote': ({ results }) => results.vcpu0 === 0 && results.vcpu1 === 0,
      'a frame that was given away keeps what its new owner wrote': ({ results }) => results.host === 0,
      'no ioctl fails': ({ results }) => results.user === 0,
    },
    sometimes: {},
  });
}

function* machine(spinlock: boolean): Task<Machine> {
  const level = spinlock ? 'abstract' : 'real';
  const shadow = { spinlock, postponedFlushes: spinlock, maxPages: 6 };
  const mmu = {
    pages: PAGES,
    frames: FRAMES,
    levels: 2,
    indexBits: 2,
    shadow,
    remoteFlush: level,
    vcpuEntry: level,
  } as const;
  const kvm = yield* createVm({ mmu });
  yield* setUserMemoryRegion(kvm, region(0, PAGES, { flags: KVM_MEM_LOG_DIRTY_PAGES }));
  fill(kvm);
  const vcpus: Vcpu[] = [];
  for (let id = 0; id < 2; id++) {
    const vcpu = (yield* createVcpu(kvm, id)) as Vcpu;
    guestMmuOf(vcpu).paging = 1;
    guestMmuOf(vcpu).cr3 = TOP;
    yield* mmuLoad(vcpu);
    vcpus.push(vcpu);
  }
  return { kvm, vcpus, vcpu: vcpus[0] as Vcpu, mm: kvm.mmStruct as MmStruct };
}

function fill(kvm: Kvm): void {
  for (const [i, frames] of TABLES.entries()) {
    for (const [word, frame] of frames.entries()) {
      frameWord(kvm, (FIRST_TABLE + i) as Pfn, word).poke(entryFor(frame));
    }
  }
}

/** With either kind of mmu_lock. */
export const movingTables: readonly AnyScenario[] = [
  moving('moving-tables', false),
  moving('moving-tables-under-a-spinlock', true),
];
