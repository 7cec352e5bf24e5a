import { type Gfn, type Pfn, pfn } from '@faultline/kvm';
import {
  type ArmVcpu,
  type ArmVm,
  allocProcess,
  allocUserMm,
  armAccess,
  armGetDirtyLog,
  closeFd,
  createArmVm,
  doExit,
  fatalSignalPending,
  frameOf,
  handleGuestAbort,
  ioctlBegin,
  ioctlEnd,
  isYoung,
  killGroup,
  ksmReplace,
  type Process,
  referenced,
  setRegion,
  shareFile,
} from '@faultline/kvm/seams';
import { choose, never, scenario, type Task } from '@faultline/machine';

const PAGES = 8;
const ROUNDS = 30;
const LOOKS_AFTER = 40;

interface Shared extends ArmVm {
  readonly other: Process;
}

function* guest(vm: Shared): Task<number> {
  let faults = 0;
  const file = yield* ioctlBegin(vm.process, 0);
  if (typeof file !== 'number') {
    while (!(yield* fatalSignalPending(vm.process))) {
      const page = (yield* choose('page', PAGES)) as Gfn;
      const { abort } = yield* armAccess(vm.kvm.vcpus.get(0) as ArmVcpu, page, BigInt(page));
      if (abort === null) continue;
      faults++;
      yield* handleGuestAbort(vm.kvm, vm.mm, abort);
    }
    yield* ioctlEnd(file);
  }
  yield* doExit(vm.process);
  return faults;
}

/** Starts and stops the log, and takes it; then kills the process that it is part of. */
function* logger(vm: Shared): Task {
  const file = yield* ioctlBegin(vm.process, 0);
  if (typeof file !== 'number') {
    for (let round = 0; round < ROUNDS; round++) {
      yield* setRegion(vm.kvm, { id: 0, baseGfn: 0, npages: PAGES, page: 0, logging: round % 2 === 0 });
      yield* armGetDirtyLog(vm.kvm, 0);
    }
    yield* ioctlEnd(file);
  }
  yield* killGroup(vm.process);
  yield* doExit(vm.process);
}

/** Ages pages and moves them to other frames, and goes on while the tables are freed. */
function* host(vm: Shared): Task<number> {
  let young = 0;
  for (let after = 0; after < LOOKS_AFTER; ) {
    if (yield* fatalSignalPending(vm.process)) after++;
    const page = yield* choose('page', PAGES);
    if (yield* referenced(vm.mm, page)) young++;
    if (yield* isYoung(vm.mm, page)) young++;
    const to = pfn(page + ((yield* frameOf(vm.mm, page as Pfn).refcount.readOnce()) === 0 ? 0 : PAGES));
    if (after === 0 || young % 2 === 0) yield* ksmReplace(vm.mm, page, to);
  }
  return young;
}

/** Aging, moves, a log and a guest, and the end of it all from both sides in the middle. */
export const tornDown = scenario('arm64/torn-down-in-the-middle', {
  title: 'the tables are freed, and somebody walks them',
  source: 'seed 004',
  size: `1 vCPU, 1 logger of ${ROUNDS} rounds, 1 host thread, ${PAGES} pages, both teardowns`,
  deep: true,
  threadsOnly: 'four threads with thousands of operations',
  arenaBytes: 1 << 22,
  *setup(): Task<Shared> {
    const vm = createArmVm({ tasks: 2, vcpus: 1, levels: 3, pages: PAGES, mayYield: true });
    const other = allocProcess(allocUserMm(vm.frames, 1, 1, 18), 1);
    shareFile(other, 0, vm.file);
    vm.mm.mmCount.poke(vm.mm.mmCount.peek() + 1);
    return { ...vm, other };
  },
  threads: {
    *vcpu0(vm: Shared) {
      return yield* guest(vm);
    },
    *logger(vm: Shared) {
      yield* logger(vm);
    },
    *host(vm: Shared) {
      return yield* host(vm);
    },
    *elsewhere(vm: Shared) {
      yield* vm.process.killed.awaitEqual(1);
      yield* closeFd(vm.other, 0);
    },
  },
  always: { 'no table is walked that is gone': never('BUG') },
  sometimes: {
    'the guest faults': ({ results }) => results.vcpu0 > 0,
    'a page is young': ({ results }) => results.host > 0,
  },
});
