import {
  createVcpu,
  createVm,
  type GuestProgram,
  hva,
  KVM_MEM_LOG_DIRTY_PAGES,
  PAGE_SIZE,
  setUserMemoryRegion,
  type Vcpu,
  type VmOptions,
} from '@faultline/kvm';
import { allocFrame, type MmStruct, migratePage, putPage, swapOut } from '@faultline/kvm/seams';
import {
  array,
  type Cell,
  cell32,
  choose,
  type Elements,
  type StructType,
  scenario,
  struct,
  type Task,
  type View,
} from '@faultline/machine';
import { runToHalt, setStore, writerProgram } from '../vm/guest-writer.ts';
import {
  allocVmm,
  type Collection,
  collectionOptions,
  type Harvested,
  harvest,
  names,
} from '../vm/harvest.ts';
import { readPage } from '../vm/host-pages.ts';
import { region } from '../vm/small-vm.ts';

const PAGES = 64;
const VCPUS = 2;
const ROUNDS = 10;
/** Harvests of a round while the guest runs. */
const HARVESTS = 5;
/** Stores of one program. */
const STORES = 12;
/** Entries of each ring: 64 of them stay free. */
const RING = 128;

/** What the VMM tells the threads of its vCPUs: twice the round to run, plus one to stand still; or to end. */
interface Orders extends View {
  readonly order: Cell<number>;
  /** The last order that each vCPU's thread has begun, or obeyed. */
  readonly seen: Elements<Cell<number>>;
}

const Orders: StructType<Orders> = struct(
  'vmm_orders',
  { order: cell32, seen: array(cell32, VCPUS) },
  { as: 'vmm' },
);
const END = 0xffff_ffff;

interface Machine extends Harvested {
  readonly orders: Orders;
  readonly programs: readonly GuestProgram[];
}

function* machine(collection: Collection, mmu: Partial<NonNullable<VmOptions['mmu']>>): Task<Machine> {
  const kvm = yield* createVm({
    ...collectionOptions(collection, RING),
    mmu: { pages: PAGES, frames: PAGES + 4, levels: 3, indexBits: 2, ...mmu },
  });
  yield* setUserMemoryRegion(kvm, region(0, PAGES, { flags: KVM_MEM_LOG_DIRTY_PAGES }));
  const vcpus: Vcpu[] = [];
  for (let i = 0; i < VCPUS; i++) vcpus.push((yield* createVcpu(kvm, i)) as Vcpu);
  const programs = vcpus.map(() => writerProgram(STORES));
  return { kvm, vcpus, vmm: allocVmm(PAGES), pages: PAGES, orders: Orders.alloc(), programs };
}

/** A vCPU's thread: stores the number of the round to random pages, program after program, and stands still when told to. */
function* write(vm: Machine, me: number): Task<number> {
  const { order, seen } = vm.orders;
  const program = vm.programs[me] as GuestProgram;
  for (let programs = 0; ; ) {
    const now = yield* order.loadAcquire();
    yield* seen.at(me).storeRelease(now);
    if (now === END) return Math.min(programs, 1);
    if (now === 0 || now % 2 === 1) {
      yield* order.awaitDiffers(now);
      continue;
    }
    for (let i = 0; i < STORES; i++) setStore(program, i, yield* choose('page', PAGES), BigInt(now / 2));
    yield* runToHalt(vm, vm.vcpus[me] as Vcpu, program);
    programs++;
  }
}

function* tell({ orders }: Machine, order: number): Task {
  yield* orders.order.storeRelease(order);
  for (let i = 0; i < VCPUS; i++) yield* orders.seen.at(i).awaitEqual(order);
}

/** What is wrong with the log: pages that were written and not named, and pages that were named for no write. */
interface Verdict {
  readonly lost: number[];
  readonly old: number[];
  /** Some harvest found the guest at work. */
  readonly busy: boolean;
}

function* collect(vm: Machine, collection: Collection): Task<Verdict> {
  const copy = new Array<bigint>(PAGES).fill(0n);
  const lost: number[] = [];
  const old: number[] = [];
  let busy = false;
  for (let round = 1; round <= ROUNDS && lost.length === 0; round++) {
    const named = new Set<number>();
    yield* tell(vm, 2 * round);
    for (let i = 0; i < HARVESTS; i++) yield* copyNamed(vm, collection, copy, named);
    busy = busy || named.size > 0;
    // Every store that was begun is over: what no harvest names from here on is as it was copied.
    yield* tell(vm, 2 * round + 1);
    yield* copyNamed(vm, collection, copy, named);
    for (let page = 0; page < PAGES; page++) {
      const value = yield* readPage(vm.kvm, page);
      if (value !== copy[page]) lost.push(page);
      if (named.has(page) && value !== BigInt(round) && value !== BigInt(round - 1)) old.push(page);
    }
  }
  yield* tell(vm, END);
  return { lost, old, busy };
}

function* copyNamed(vm: Machine, collection: Collection, copy: bigint[], named: Set<number>): Task {
  const log = yield* harvest(vm, collection);
  for (let page = 0; page < PAGES; page++) {
    if (!names(log, page)) continue;
    named.add(page);
    copy[page] = yield* readPage(vm.kvm, page);
  }
}

/** The host moves pages meanwhile: out to swap, and to other frames. */
function* move({ kvm, orders }: Machine): Task {
  const mm = kvm.mmStruct as MmStruct;
  while ((yield* orders.order.readOnce()) !== END) {
    const address = hva((yield* choose('page that moves', PAGES)) * PAGE_SIZE);
    const to = yield* allocFrame(mm);
    if (to === null) continue;
    yield* migratePage(kvm, address, to);
    yield* putPage(mm, to);
    yield* swapOut(kvm, address);
  }
}

/**
 * The oracle of dirty_log_test: when the vCPUs stand still, a page that no harvest has named since it was last copied is what
 * its copy is, and a page that one has named carries the number of this round or of the one before.
 */
function logOracle(name: string, collection: Collection, mmu: Partial<NonNullable<VmOptions['mmu']>>) {
  return scenario(`dirty/${name}`, {
    title: `a page is written and no harvest says so, collected by ${collection}`,
    source: 'dirty_log_test',
    size: `2 vCPUs, 1 host thread, 1 collector, ${PAGES} pages, ${ROUNDS} rounds of ${HARVESTS + 1} harvests`,
    deep: true,
    threadsOnly: 'four threads with thousands of operations',
    arenaBytes: 1 << 20,
    defends: [],
    *setup() {
      return yield* machine(collection, mmu);
    },
    threads: {
      *vcpu0(vm: Machine) {
        return yield* write(vm, 0);
      },
      *vcpu1(vm: Machine) {
        return yield* write(vm, 1);
      },
      *collector(vm: Machine) {
        return yield* collect(vm, collection);
      },
      *host(vm: Machine) {
        yield* move(vm);
      },
    },
    always: {
      'a page that no harvest names is as it was copied': ({ results }) =>
        results.collector.lost.length === 0,
      'a page that is named carries the number of this round or the last': ({ results }) =>
        results.collector.old.length === 0,
    },
    sometimes: {
      'a harvest finds the guest at work': ({ results }) => results.collector.busy,
    },
  });
}

export const logOracles = [
  logOracle('unlogged-by-dirty-log', 'dirty-log', {}),
  logOracle('unlogged-by-dirty-log-without-ad-bits', 'dirty-log', { adBits: false }),
  logOracle('unlogged-by-hardware-log', 'dirty-log', { pml: 4 }),
  logOracle('unlogged-by-clear-log', 'clear-log', {}),
  logOracle('unlogged-by-dirty-ring', 'dirty-ring', {}),
];
