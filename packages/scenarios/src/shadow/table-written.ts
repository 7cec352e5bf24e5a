import type { Kvm } from '@faultline/kvm';
import { gfn } from '@faultline/kvm';
import { guestRead, guestWrite, invlpg, loadCr3, mmuTryToUnsyncPages, shadowOf } from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import {
  A,
  B,
  CR3,
  DEEP_CR3,
  ENTRY_A,
  entryFor,
  OTHER_CR3,
  PAGE_A,
  PAGE_B,
  type ShadowVm,
  type ShadowVmOptions,
  shadowVm,
  TOP_ENTRY_0,
} from '../vm/shadow-vm.ts';

const READS_NEW = 'after its flush the guest reads what its table says';

/** The guest lets page A lead to B, flushes, and looks. */
function* changeAndLook(vm: ShadowVm, i: number): Task<bigint> {
  const vcpu = vm.vcpus[i] as ShadowVm['vcpu'];
  yield* guestWrite(vcpu, ENTRY_A, entryFor(1));
  yield* loadCr3(vcpu, CR3);
  return (yield* guestRead(vcpu, PAGE_A)).value;
}

/**
 * A fault walks the guest's tables without a lock. Only then is the table protected, and from then on a write to it is
 * seen. So what was read is read again under mmu_lock, after TLBs were flushed.
 */
export const tableChangedUnderAFault = scenario('shadow/table-changed-under-a-fault', {
  deep: true,
  title: 'a table of the guest is mirrored as it was, and no write to it is seen any more',
  source: 'FNAME(fetch), FNAME(gpte_changed), account_shadowed',
  size: '2 vCPUs, 1 fault, 1 write to the table that it walks, tables of 2 levels',
  claims: [
    {
      seed: '003.18',
      says: 'every shadow page changes under it; of entries, the hardware and the fast path change A, D and W without',
      verdict: 'holds in part',
    },
  ],
  defends: ['shadow.recheck_gpte', 'shadow.protect_mirrored_table', 'shadow.flush_protected_table'],
  *setup() {
    const vm = yield* shadowVm({ vcpus: 2 });
    // Frame 2 can be written, and nothing mirrors it yet.
    yield* guestWrite(vm.vcpus[1] as ShadowVm['vcpu'], ENTRY_A, entryFor(0));
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      return (yield* guestRead(vcpu, PAGE_A)).value;
    },
    *vcpu1(vm: ShadowVm) {
      return yield* changeAndLook(vm, 1);
    },
  },
  always: { [READS_NEW]: ({ results }) => results.vcpu1 === B },
  sometimes: {
    'the other vCPU still reads the old page': ({ results }) => results.vcpu0 === A,
    'the other vCPU reads the new page': ({ results }) => results.vcpu0 === B,
  },
});

/** Mirrors frame 2, and lets it out of step: vCPU 1 has written it. */
function* unsyncTable(options: ShadowVmOptions = {}): Task<ShadowVm> {
  const vm = yield* shadowVm({ vcpus: 2, ...options });
  yield* guestRead(vm.vcpu, PAGE_A);
  yield* guestWrite(vm.vcpus[1] as ShadowVm['vcpu'], ENTRY_A, entryFor(0));
  return vm;
}

/** One vCPU flushes, which brings the table in step, while another writes it. */
export const syncMissesAWrite = scenario('shadow/sync-misses-a-write', {
  deep: true,
  title: 'a table is read while it can still be written, and then counts as in step',
  source: 'mmu_sync_children',
  size: '2 vCPUs, 1 flush, 1 write to a table through a TLB, tables of 2 levels',
  defends: ['shadow.protect_before_sync', 'shadow.flush_before_sync'],
  *setup() {
    return yield* unsyncTable();
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      yield* loadCr3(vcpu, CR3);
    },
    *vcpu1(vm: ShadowVm) {
      return yield* changeAndLook(vm, 1);
    },
  },
  always: {
    [READS_NEW]: ({ results }) => results.vcpu1 === B,
    'shadow pages change under mmu_lock': never('wrong guard'),
  },
  sometimes: {},
});

/**
 * The first write to a mirrored table makes it writable, for every vCPU. Another one writes it at once, flushes, and looks
 * without mmu_lock whether anything is out of step: that has to be said before the entry allows the write.
 */
export const unsyncSeenTooLate = scenario('shadow/unsync-seen-too-late', {
  deep: true,
  title: 'a flush finds all tables in step while one of them has just been written',
  source: 'mmu_try_to_unsync_pages, is_unsync_root',
  size: '2 vCPUs, 1 first write to a table, 1 other write and a flush, tables of 2 levels',
  defends: [
    'shadow.mark_unsync',
    'shadow.protect_mirrored_tables',
    'shadow.order_unsync_before_spte',
    'shadow.order_exit_before_unsync',
  ],
  *setup() {
    const vm = yield* shadowVm({ vcpus: 2 });
    yield* guestRead(vm.vcpu, PAGE_A);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      yield* guestWrite(vcpu, (ENTRY_A + 8) as typeof ENTRY_A, entryFor(1));
    },
    *vcpu1(vm: ShadowVm) {
      return yield* changeAndLook(vm, 1);
    },
  },
  always: { [READS_NEW]: ({ results }) => results.vcpu1 === B },
  sometimes: {},
});

/** A write to a table above the last level is emulated, whoever reads through it meanwhile. */
export const upperTableWritten = scenario('shadow/write-to-upper-table-unseen', {
  deep: true,
  title: 'a table above the last level changes and its shadow does not',
  source: 'kvm_mmu_pte_write, page_fault_handle_page_track',
  size: '2 vCPUs, 1 read, 1 write to the top table, tables of 2 levels',
  defends: ['shadow.emulate_tracked_write', 'shadow.track_emulated_write', 'shadow.flush_written_entry'],
  *setup() {
    const vm = yield* shadowVm({ vcpus: 2 });
    yield* guestRead(vm.vcpu, PAGE_A);
    yield* guestRead(vm.vcpus[1] as ShadowVm['vcpu'], TOP_ENTRY_0);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      return (yield* guestRead(vcpu, PAGE_A)).value;
    },
    *vcpu1({ vcpus }: ShadowVm) {
      const vcpu = vcpus[1] as ShadowVm['vcpu'];
      // From here on virtual pages 0 and 1 are the tables, too.
      yield* guestWrite(vcpu, TOP_ENTRY_0, entryFor(4));
      yield* loadCr3(vcpu, CR3);
      return (yield* guestRead(vcpu, PAGE_A)).value;
    },
  },
  always: { [READS_NEW]: ({ results }) => results.vcpu1 === entryFor(0) },
  sometimes: {
    'the other vCPU reads the old page': ({ results }) => results.vcpu0 === A,
    'the other vCPU reads the new page': ({ results }) => results.vcpu0 === entryFor(0),
  },
});

/** The hypervisor of a guest maps frames directly, with mmu_lock held for read only, and its guest's tables are among them. */
function* makeWritable(kvm: Kvm, frame: number): Task {
  yield* kvm.mmuLock.readLock();
  yield* mmuTryToUnsyncPages(kvm, { gfn: gfn(frame), canUnsync: true, prefetch: false });
  yield* kvm.mmuLock.readUnlock();
}

/** Two tables below one go out of step at once, each for somebody who holds mmu_lock for read. Who comes second flushes. */
export const unsyncCountLost = scenario('shadow/unsync-count-lost', {
  title: 'two tables go out of step, and a flush brings back one',
  source: 'mmu_unsync_pages_lock',
  claims: [
    { seed: '000.15', says: 'mmu_unsync_pages_lock is taken inside mmu_lock', verdict: 'holds' },
    { seed: '000.16', says: 'mmu_unsync_pages_lock is never taken without mmu_lock', verdict: 'holds' },
  ],
  size: '2 tables under one, marked by 2 threads that share mmu_lock; 1 flush by whoever is last',
  defends: ['shadow.lock_unsync_pages'],
  *setup() {
    const vm = yield* shadowVm();
    yield* guestRead(vm.vcpu, PAGE_A);
    // The top table is mapped read-only: nothing is out of step yet.
    yield* guestRead(vm.vcpu, TOP_ENTRY_0);
    return vm;
  },
  threads: {
    *tdp0(vm: ShadowVm) {
      yield* makeWritable(vm.kvm, 2);
      yield* flushIfLast(vm);
    },
    *tdp1(vm: ShadowVm) {
      yield* makeWritable(vm.kvm, 4);
      yield* flushIfLast(vm);
    },
  },
  always: { 'a flush brings every table back in step': (_, { kvm }) => outOfStep(kvm) === 0 },
  sometimes: {},
});

function* flushIfLast({ vcpu, said }: ShadowVm): Task {
  if ((yield* said.done.fetchAdd(1)) === 1) yield* loadCr3(vcpu, CR3);
}

function outOfStep(kvm: Kvm): number {
  let count = 0;
  for (let page = shadowOf(kvm).activeMmuPages; page !== null; page = page.link) count += page.unsync.peek();
  return count;
}

/** One vCPU alone: what the guest's tables say is what it finds, whichever way it flushes. */
export const writtenByOne = scenario('shadow/table-differs-from-its-shadow', {
  deep: true,
  title: 'the guest changes its tables, flushes, and finds what was there before',
  source: 'FNAME(page_fault), FNAME(sync_page), FNAME(invlpg)',
  size: '1 vCPU, 5 changes of tables of 2 levels, each with a flush',
  defends: [
    'shadow.sync_on_flush',
    'shadow.zap_unsync_on_invlpg',
    'shadow.sync_new_root',
    'shadow.protect_clean_gpte',
  ],
  *setup() {
    return yield* shadowVm();
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      yield* guestRead(vcpu, PAGE_A);
      yield* guestWrite(vcpu, ENTRY_A, entryFor(1));
      yield* loadCr3(vcpu, CR3);
      const byCr3 = (yield* guestRead(vcpu, PAGE_A)).value;
      yield* guestWrite(vcpu, ENTRY_A, entryFor(0));
      yield* invlpg(vcpu, 0);
      const byInvlpg = (yield* guestRead(vcpu, PAGE_A)).value;
      // The Dirty bit goes: the next write has to set it again.
      yield* guestWrite(vcpu, ENTRY_A, entryFor(0) & ~64n);
      yield* loadCr3(vcpu, CR3);
      yield* guestRead(vcpu, PAGE_A);
      yield* guestWrite(vcpu, PAGE_A, A);
      const entry = (yield* guestRead(vcpu, ENTRY_A)).value;
      return { byCr3, byInvlpg, dirty: (entry & 64n) !== 0n };
    },
  },
  always: {
    'a flush by CR3 is enough': ({ results }) => results.vcpu0.byCr3 === B,
    'a flush of the page is enough': ({ results }) => results.vcpu0.byInvlpg === A,
    'the first write sets the Dirty bit': ({ results }) => results.vcpu0.dirty,
  },
  sometimes: {},
});

/** A page that is out of step is found for another top table: what it shows then is what the table says now. */
export const foundOutOfStep = scenario('shadow/found-out-of-step', {
  deep: true,
  title: 'a table that was written without a flush is shown as it was to a vCPU that has flushed',
  source: 'kvm_mmu_find_shadow_page, kvm_mmu_load',
  size: '2 vCPUs, one after the other; 2 top tables over the same table',
  defends: ['shadow.sync_found_page', 'shadow.sync_new_root'],
  *setup() {
    const vm = yield* unsyncTable();
    yield* guestRead(vm.vcpu, PAGE_B);
    return vm;
  },
  threads: {
    *guest({ vcpu, vcpus }: ShadowVm) {
      const other = vcpus[1] as ShadowVm['vcpu'];
      yield* guestWrite(other, ENTRY_A, entryFor(1));
      yield* loadCr3(vcpu, OTHER_CR3);
      yield* guestRead(vcpu, PAGE_B);
      const linked = (yield* guestRead(vcpu, PAGE_A)).value;
      yield* guestWrite(other, ENTRY_A, entryFor(0));
      yield* loadCr3(vcpu, CR3);
      return { linked, loaded: (yield* guestRead(vcpu, PAGE_A)).value };
    },
  },
  always: {
    'a page that is linked anew shows what its table says': ({ results }) => results.guest.linked === B,
    'a root that is loaded shows what the tables say': ({ results }) => results.guest.loaded === A,
  },
  sometimes: {},
});

/** The same with a table between: what is linked is in step, and what is below it is not. */
export const linkedOutOfStep = scenario('shadow/linked-out-of-step', {
  deep: true,
  title: 'a table is linked with another below it that was written without a flush',
  source: 'FNAME(fetch), mmu_sync_children',
  size: '2 vCPUs, one after the other; 2 top tables over one table over another',
  defends: ['shadow.sync_before_link'],
  *setup() {
    const vm = yield* shadowVm({ vcpus: 2, deeper: true });
    yield* guestRead(vm.vcpu, PAGE_A);
    yield* guestRead(vm.vcpu, PAGE_B);
    yield* guestWrite(vm.vcpu, ENTRY_A, entryFor(0));
    return vm;
  },
  threads: {
    *guest({ vcpu, vcpus }: ShadowVm) {
      const other = vcpus[1] as ShadowVm['vcpu'];
      yield* guestWrite(vcpu, ENTRY_A, entryFor(1));
      yield* loadCr3(other, DEEP_CR3[1]);
      yield* guestRead(other, PAGE_B);
      return (yield* guestRead(other, PAGE_A)).value;
    },
  },
  always: { [READS_NEW]: ({ results }) => results.guest === B },
  sometimes: {},
});

/** More tables than the VM may have shadow pages: some are zapped to make room, but never a root that is in use. */
export const rootReclaimed = scenario('shadow/root-reclaimed', {
  deep: true,
  title: 'a fault makes room for its pages by zapping the root that it stands on',
  source: 'kvm_mmu_zap_oldest_mmu_pages',
  size: '1 vCPU, 3 pages below 2 tables, room for 3 shadow pages',
  defends: ['shadow.skip_roots'],
  *setup() {
    return yield* shadowVm({ mmu: { shadow: { maxPages: 3 } } });
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      yield* guestWrite(vcpu, PAGE_A, 7n);
      yield* guestRead(vcpu, ENTRY_A);
      return (yield* guestRead(vcpu, PAGE_A)).value;
    },
  },
  always: {
    'no SPTE is installed under an invalid root': never('WARN'),
  },
  sometimes: {},
});
