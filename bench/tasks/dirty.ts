/** What bench/dirty.ts times on worker threads: harvests, writes of the guest around them, and copying as a migration does. */
import {
  createVcpu,
  createVm,
  getDirtyLog,
  gpa,
  KVM_MEM_LOG_DIRTY_PAGES,
  type Kvm,
  PAGE_SIZE,
  reapDirtyRing,
  resetDirtyRings,
  setUserMemoryRegion,
  type Vcpu,
  type VmOptions,
} from '@faultline/kvm';
import { guestWrite, type MmStruct, mmuLoad } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';

const PAGES = 256;
const HARVESTS = 40;
const PASSES = 40;

interface Timed {
  readonly ops: number;
  readonly ms: number;
}

interface Machine {
  readonly kvm: Kvm;
  readonly vcpu: Vcpu;
  readonly to: Kvm;
}

function* vm(flags: number, options: VmOptions): Task<Kvm> {
  const kvm = yield* createVm({
    ...options,
    mmu: { pages: PAGES, frames: PAGES, levels: 4, indexBits: 9, ...options.mmu },
  });
  const memorySize = BigInt(PAGES * PAGE_SIZE);
  yield* setUserMemoryRegion(kvm, { slot: 0, flags, guestPhysAddr: 0n, memorySize, userspaceAddr: 0n });
  return kvm;
}

function* machine(flags: number, options: VmOptions): Task<Machine> {
  const kvm = yield* vm(flags, options);
  const vcpu = (yield* createVcpu(kvm, 0)) as Vcpu;
  yield* mmuLoad(vcpu);
  yield* writeAll(vcpu);
  return { kvm, vcpu, to: yield* vm(0, {}) };
}

function* writeAll(vcpu: Vcpu): Task {
  for (let page = 0; page < PAGES; page++) yield* guestWrite(vcpu, gpa(page * PAGE_SIZE), 1n);
}

/** Harvests of which each finds every page dirty: what arming a page again costs. */
function* harvests({ kvm, vcpu }: Machine, ring: boolean): Task<Timed> {
  let ms = 0;
  let taken = PAGES;
  if (ring) {
    yield* reapDirtyRing(vcpu, 0);
    yield* resetDirtyRings(kvm);
  } else yield* getDirtyLog(kvm, 0);
  for (let i = 0; i < HARVESTS; i++) {
    yield* writeAll(vcpu);
    const start = performance.now();
    if (ring) {
      taken += (yield* reapDirtyRing(vcpu, taken)).length;
      yield* resetDirtyRings(kvm);
    } else yield* getDirtyLog(kvm, 0);
    ms += performance.now() - start;
  }
  return { ops: HARVESTS * PAGES, ms };
}

/** Writes of the guest, one a page and then the next page; `armed`: each is the first since a harvest. */
function* writes({ kvm, vcpu }: Machine, armed: boolean): Task<Timed> {
  let ms = 0;
  for (let i = 0; i < PASSES; i++) {
    if (armed) yield* getDirtyLog(kvm, 0);
    const start = performance.now();
    yield* writeAll(vcpu);
    ms += performance.now() - start;
  }
  return { ops: PASSES * PAGES, ms };
}

/** Pages from one VM's memory to the other's, word by word through the arena. */
function* copy({ kvm, to }: Machine): Task<Timed> {
  const from = (kvm.mmStruct as MmStruct).page;
  const into = (to.mmStruct as MmStruct).page;
  const start = performance.now();
  for (let i = 0; i < PASSES * 10; i++) {
    for (let page = 0; page < PAGES; page++) {
      yield* into.at(page).content.writeOnce(yield* from.at(page).content.readOnce());
    }
  }
  return { ops: PASSES * 10 * PAGES, ms: performance.now() - start };
}

/** Rounds of a migration in which every page was written: harvest, then copy what it names. */
function* migration(state: Machine): Task<Timed> {
  let ms = 0;
  const from = (state.kvm.mmStruct as MmStruct).page;
  const into = (state.to.mmStruct as MmStruct).page;
  for (let i = 0; i < HARVESTS; i++) {
    yield* writeAll(state.vcpu);
    const start = performance.now();
    const log = (yield* getDirtyLog(state.kvm, 0)) as number[];
    for (let page = 0; page < PAGES; page++) {
      if (((log[page >>> 5] as number) & (1 << (page & 31))) === 0) continue;
      yield* into.at(page).content.writeOnce(yield* from.at(page).content.readOnce());
    }
    ms += performance.now() - start;
  }
  return { ops: HARVESTS * PAGES, ms };
}

function timed(name: string, flags: number, options: VmOptions, work: (state: Machine) => Task<Timed>) {
  return scenario(`bench/${name}`, {
    source: 'bench',
    always: {},
    sometimes: {},
    arenaBytes: 4 << 20,
    *setup() {
      return yield* machine(flags, options);
    },
    threads: {
      *one(state: Machine) {
        return yield* work(state);
      },
    },
  });
}

const LOG = KVM_MEM_LOG_DIRTY_PAGES;
const RING: VmOptions = { dirtyRing: { entries: 1024 } };

export const benches = [
  timed('plain-copy', 0, {}, function* (state) {
    return yield* copy(state);
  }),
  timed('harvest', LOG, {}, function* (state) {
    return yield* harvests(state, false);
  }),
  timed(
    'harvest-without-ad-bits',
    LOG,
    { mmu: { pages: PAGES, frames: PAGES, adBits: false } },
    function* (state) {
      return yield* harvests(state, false);
    },
  ),
  timed('harvest-by-ring', LOG, RING, function* (state) {
    return yield* harvests(state, true);
  }),
  timed('write-not-logged', 0, {}, function* (state) {
    return yield* writes(state, false);
  }),
  timed('write-logged', LOG, {}, function* (state) {
    return yield* writes(state, false);
  }),
  timed('write-just-armed', LOG, {}, function* (state) {
    return yield* writes(state, true);
  }),
  timed('migration', LOG, {}, function* (state) {
    return yield* migration(state);
  }),
];
