import {
  createVcpu,
  createVm,
  type GuestProgram,
  KVM_MEM_LOG_DIRTY_PAGES,
  setUserMemoryRegion,
  type Vcpu,
  type VmOptions,
} from '@faultline/kvm';
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
import { loadPage, runToHalt, setStore, writerProgram } from '../vm/guest-writer.ts';
import {
  allocVmm,
  type Collection,
  collectionOptions,
  type Harvested,
  harvest,
  names,
} from '../vm/harvest.ts';
import { readPage, writePage } from '../vm/host-pages.ts';
import { region } from '../vm/small-vm.ts';

const PAGES = 256;
const VCPUS = 2;
/** Stores of one program of the guest. */
const STORES = 16;
/** Programs that each vCPU runs before the migration begins, and on the destination after it. */
const WARM_UP = 20;
/** So few dirty pages are copied with the guest standing still. */
const FEW = 12;
const LEAST_ROUNDS = 8;
const MOST_ROUNDS = 40;
/** Entries of each ring, 64 of which stay free. */
const RING = 256;

/** What the VMM tells the threads of its vCPUs, and what it lets others look at. */
interface Migration extends View {
  readonly order: Cell<number>;
  /** Programs that each vCPU has run so far, and whether it stands still. */
  readonly programs: Elements<Cell<number>>;
  readonly parked: Elements<Cell<number>>;
  /** Rounds done, pages copied in all, pages of the round before. */
  readonly rounds: Cell<number>;
  readonly copied: Cell<number>;
  readonly last: Cell<number>;
}

const Migration: StructType<Migration> = struct(
  'vmm_migration',
  {
    order: cell32,
    programs: array(cell32, VCPUS),
    parked: array(cell32, VCPUS),
    rounds: cell32,
    copied: cell32,
    last: cell32,
  },
  { as: 'vmm' },
);

const Orders = { RUN_ON_SOURCE: 0, STAND_STILL: 1, RUN_ON_DESTINATION: 2 } as const;

interface Machine {
  readonly migration: Migration;
  readonly source: Harvested;
  readonly destination: Harvested;
  /** The program of each vCPU, the same on both sides. */
  readonly programs: readonly GuestProgram[];
}

function* side({ mmu, ...options }: VmOptions): Task<Harvested> {
  const shape = { pages: PAGES, frames: PAGES, levels: 4, indexBits: 9 };
  const kvm = yield* createVm({ ...options, mmu: { ...shape, ...mmu } });
  yield* setUserMemoryRegion(kvm, region(0, PAGES));
  const vcpus: Vcpu[] = [];
  for (let i = 0; i < VCPUS; i++) vcpus.push((yield* createVcpu(kvm, i)) as Vcpu);
  return { kvm, vcpus, vmm: allocVmm(PAGES), pages: PAGES };
}

/** What a vCPU's thread reports: its writes on each side, and the first of its pages that did not hold what it had written. */
interface Guest {
  readonly before: number;
  readonly after: number;
  readonly broken: Broken | null;
}

interface Broken {
  readonly page: number;
  readonly found: number;
  readonly wrote: number;
}

/** Each vCPU has every other page, and numbers its writes; the last number of a page is what must be found there. */
function* guest(vm: Machine, me: number): Task<Guest> {
  const { migration, source, destination } = vm;
  const written = new Array<number>(PAGES).fill(0);
  let sequence = 0;
  while ((yield* migration.order.loadAcquire()) === Orders.RUN_ON_SOURCE) {
    sequence = yield* runProgram(vm, source, me, sequence, written);
    yield* migration.programs.at(me).fetchAdd(1);
  }
  yield* migration.parked.at(me).storeRelease(1);
  yield* migration.order.awaitEqual(Orders.RUN_ON_DESTINATION);
  const before = sequence;
  let broken = yield* check(vm, destination, me, written);
  for (let i = 0; i < WARM_UP; i++) sequence = yield* runProgram(vm, destination, me, sequence, written);
  broken ??= yield* check(vm, destination, me, written);
  return { before, after: sequence - before, broken };
}

function* runProgram(vm: Machine, on: Harvested, me: number, from: number, written: number[]): Task<number> {
  const program = vm.programs[me] as GuestProgram;
  let sequence = from;
  for (let i = 0; i < STORES; i++) {
    const page = (yield* choose('page', PAGES / VCPUS)) * VCPUS + me;
    sequence++;
    setStore(program, i, page, BigInt(sequence));
    written[page] = sequence;
  }
  yield* runToHalt(on, on.vcpus[me] as Vcpu, program);
  return sequence;
}

function* check(vm: Machine, on: Harvested, me: number, written: readonly number[]): Task<Broken | null> {
  const reader = vm.programs[me] as GuestProgram;
  let broken: Broken | null = null;
  for (let page = me; page < PAGES; page += VCPUS) {
    const found = Number(yield* loadPage(on, on.vcpus[me] as Vcpu, reader, page));
    const wrote = written[page] as number;
    if (found !== wrote && broken === null) broken = { page, found, wrote };
  }
  return broken;
}

/** What the migration thread reports. */
export interface Migrated {
  /** Pages that each round copied while the guest ran, the first one all of them, and microseconds that it took. */
  readonly rounds: readonly (readonly [pages: number, micros: number])[];
  /** The same with the guest standing still. */
  readonly last: readonly [pages: number, micros: number];
  /** Pages whose content differs at the end, at most 8. */
  readonly differ: readonly number[];
}

/** Pre-copy: everything once, then what the log names, until little is left; then the guest stops for the rest. */
function* migrate(vm: Machine, collection: Collection): Task<Migrated> {
  const { migration, source, destination } = vm;
  yield* letGuestRun(vm, WARM_UP);
  const result = yield* setUserMemoryRegion(source.kvm, region(0, PAGES, { flags: KVM_MEM_LOG_DIRTY_PAGES }));
  if (result !== 0) throw new Error(`KVM_SET_USER_MEMORY_REGION returned ${result}`);

  const rounds: [number, number][] = [];
  let began = performance.now();
  const lap = () => {
    const now = performance.now();
    const micros = Math.round((now - began) * 1000);
    began = now;
    return micros;
  };
  rounds.push([yield* copyPages(vm, null), lap()]);
  let left = PAGES;
  while ((left > FEW || rounds.length < LEAST_ROUNDS) && rounds.length < MOST_ROUNDS) {
    // Copying over a network takes its time; the guest is slowed down more and more, so that it ends.
    yield* letGuestRun(vm, Math.max(0, LEAST_ROUNDS - rounds.length));
    lap();
    left = yield* copyPages(vm, yield* harvest(source, collection));
    rounds.push([left, lap()]);
    yield* migration.rounds.writeOnce(rounds.length);
  }
  yield* migration.order.storeRelease(Orders.STAND_STILL);
  for (let i = 0; i < VCPUS; i++) yield* migration.parked.at(i).awaitEqual(1);
  lap();
  const last = yield* copyPages(vm, yield* harvest(source, collection));
  const downtime = lap();
  const differ: number[] = [];
  for (let page = 0; page < PAGES && differ.length < 8; page++) {
    if ((yield* readPage(source.kvm, page)) !== (yield* readPage(destination.kvm, page))) differ.push(page);
  }
  yield* migration.order.storeRelease(Orders.RUN_ON_DESTINATION);
  return { rounds, last: [last, downtime], differ };
}

/** Until each vCPU has run so many programs more. */
function* letGuestRun({ migration }: Machine, programs: number): Task {
  for (let i = 0; i < VCPUS; i++) {
    const cell = migration.programs.at(i);
    const from = yield* cell.readOnce();
    for (let now = from; now < from + programs; now = yield* cell.readOnce()) yield* cell.awaitDiffers(now);
  }
}

/** Copies the pages that a harvest names, all if it is null. Returns how many. */
function* copyPages(
  { migration, source, destination }: Machine,
  log: readonly number[] | null,
): Task<number> {
  let copied = 0;
  for (let page = 0; page < PAGES; page++) {
    if (log !== null && !names(log, page)) continue;
    yield* writePage(destination.kvm, page, yield* readPage(source.kvm, page));
    copied++;
  }
  yield* migration.copied.fetchAdd(copied);
  yield* migration.last.writeOnce(copied);
  return copied;
}

/**
 * A guest that writes all the time moves to another VM while it runs. What arrives is, byte for byte, what was left, and
 * each vCPU goes on from its last write. `faultline demo migrate` shows it.
 */
function liveMigration(name: string, collection: Collection, more: VmOptions = {}) {
  return scenario(`dirty/${name}`, {
    title: `a page that a live migration by ${collection} leaves behind`,
    source: 'KVM_GET_DIRTY_LOG, KVM_RESET_DIRTY_RINGS',
    size: `2 vCPUs, 1 migration, ${PAGES} pages, tables of 4 levels with ${more.mmu === undefined ? 512 : 16} entries, 2 VMs`,
    deep: true,
    threadsOnly: 'thousands of writes of the guest',
    arenaBytes: 4 << 20,
    defends: [],
    *setup() {
      const source = yield* side({ ...collectionOptions(collection, RING), ...more });
      const destination = yield* side({});
      const programs = source.vcpus.map(() => writerProgram(STORES));
      return { migration: Migration.alloc(), source, destination, programs };
    },
    threads: {
      *vcpu0(vm: Machine) {
        return yield* guest(vm, 0);
      },
      *vcpu1(vm: Machine) {
        return yield* guest(vm, 1);
      },
      *migration(vm: Machine) {
        return yield* migrate(vm, collection);
      },
    },
    always: {
      'memory arrives byte for byte': ({ results }) => results.migration.differ.length === 0,
      'each vCPU goes on from its last write': ({ results }) =>
        results.vcpu0.broken === null && results.vcpu1.broken === null,
    },
    sometimes: {
      'the guest writes while it is copied': ({ results }) =>
        results.migration.rounds.some(([pages], i) => i > 0 && pages > 0),
    },
    watch: ({ migration }) => [
      migration.rounds,
      migration.copied,
      migration.last,
      ...[0, 1].map((i) => migration.programs.at(i)),
    ],
  });
}

/** The source has huge pages of 16 pages, which logging splits. */
const HUGE = { pages: PAGES, frames: PAGES, indexBits: 4, hugePages: true };

export const liveMigrations = [
  liveMigration('page-left-behind', 'dirty-log'),
  liveMigration('page-left-behind-by-ring', 'dirty-ring'),
  liveMigration('huge-page-left-behind', 'dirty-log', { mmu: HUGE }),
  liveMigration('huge-page-left-behind-by-hardware-log', 'dirty-log', { mmu: { ...HUGE, pml: 4 } }),
  liveMigration('cleared-huge-page-left-behind', 'clear-log', { mmu: HUGE, dirtyLogInitiallySet: true }),
];
