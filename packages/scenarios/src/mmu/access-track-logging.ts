import { KVM_MEM_LOG_DIRTY_PAGES } from '@faultline/kvm';
import { clearYoung, getDirtyLog, guestRead, guestWrite, PG_DIRTY } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { age, NO_AD } from '../vm/aging-vm.ts';
import { GPA0, HVA0, HVA1, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

const logged = ({ kvm }: MmuVm) => kvm.memslots.at(0).peek()?.gfnTree?.dirtyBitmap?.words.at(0).peek() === 1;

/** Without D bits: writable, or passed on to the host. */
const knownDirty = ({ kvm, mm }: MmuVm) =>
  ((kvm.roots.get(0)?.spt.at(0).peek() ?? 0n) & (1n << 1n)) !== 0n ||
  (mm.page.at(0).flags.peek() & PG_DIRTY) !== 0;

/**
 * Aging takes W out of the tables and leaves it in the TLB. A harvest that finds the page's bit then meets an entry that
 * is read-only already; if it flushed only for what it changed itself, the vCPU would write on, unlogged.
 */
export const agedWriteNotLogged = scenario('mmu/aged-write-not-logged', {
  title: 'a page that was aged is written through a TLB after it was copied',
  source: 'kvm_get_dirty_log_protect, age_gfn_range',
  size: '1 vCPU, 1 write, 1 aging, 1 harvest, tables of 1 level, no A/D bits',
  defends: [
    'dirty.flush_for_taken_bits',
    'dirty.flush_before_user_space',
    'mmu.mark_dirty_after_cmpxchg',
    'mmu.report_protected_dirty',
  ],
  *setup() {
    const vm = yield* mmuVm({ ...NO_AD, frames: 1 }, 1, KVM_MEM_LOG_DIRTY_PAGES);
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
    },
    *aging({ kvm }: MmuVm) {
      return yield* clearYoung(kvm, HVA0, HVA1);
    },
    *migration({ kvm, mm }: MmuVm) {
      yield* getDirtyLog(kvm, 0);
      return yield* mm.page.at(0).content.readOnce();
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
      vm.mm.page.at(0).content.peek() === results.migration || logged(vm),
    'the host can still tell that the page was written': (_, vm) => knownDirty(vm),
  },
  sometimes: {
    'the write is copied': ({ results }) => results.migration === 7n,
    'the write comes after the copy': ({ results }) => results.migration === 1n,
    'aging finds the page used': ({ results }) => results.aging,
  },
});

/**
 * W is not among what access tracking saves: a read brings back R and X and nothing else, so that the log names pages
 * that were written and no others.
 */
export const readPageLogged = scenario('mmu/read-page-logged', {
  title: 'reading a page whose accesses are tracked counts as writing it',
  source: 'Documentation/virt/kvm/locking.rst, "Lockless Access Tracking"',
  size: '1 vCPU, 2 reads, 1 aging, tables of 1 level, no A/D bits',
  claims: [
    {
      seed: '000.39',
      says: 'The access after aging faults, and the fast path gives R and X back with one cmpxchg',
      verdict: 'holds',
    },
    {
      seed: '000.40',
      says: 'W is not saved: it comes back if the access is a write',
      verdict: 'holds',
    },
  ],
  defends: ['mmu.fast_page_fault_cmpxchg'],
  *setup() {
    const vm = yield* mmuVm({ ...NO_AD, frames: 1 }, 1, KVM_MEM_LOG_DIRTY_PAGES);
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    yield* age(vm);
    yield* getDirtyLog(vm.kvm, 0);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestRead(vcpu, GPA0);
      yield* guestRead(vcpu, GPA0);
    },
    *aging({ kvm }: MmuVm) {
      return yield* clearYoung(kvm, HVA0, HVA1);
    },
  },
  always: {
    'a page that was only read is not in the harvest': (_, vm) => !logged(vm),
    'what tracking saved is taken back before it saves again': never('BUG'),
  },
  sometimes: {
    'aging finds the page used': ({ results }) => results.aging,
    'aging finds the page unused': ({ results }) => !results.aging,
  },
});

/** The other half: after such a read W is missing, and the write that comes later is logged as any first write. */
export const writeAfterRestoreNotLogged = scenario('mmu/write-after-restore-not-logged', {
  title: 'a page is read, then written, after aging, and no harvest says so',
  source: 'Documentation/virt/kvm/locking.rst, "Lockless Access Tracking"',
  size: '1 vCPU, 1 read, 1 write, 1 aging, 1 harvest, tables of 1 level, no A/D bits',
  claims: [
    {
      seed: '000.41',
      says: 'After a read W stays clear until a write, and the tracking of dirty pages sets it then',
      verdict: 'holds',
    },
  ],
  defends: ['mmu.mark_dirty_after_cmpxchg', 'notifier.report_dirty_before_w_goes'],
  *setup() {
    const vm = yield* mmuVm({ ...NO_AD, frames: 1 }, 1, KVM_MEM_LOG_DIRTY_PAGES);
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    yield* age(vm);
    yield* getDirtyLog(vm.kvm, 0);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestRead(vcpu, GPA0);
      yield* guestWrite(vcpu, GPA0, 7n);
    },
    *host({ kvm, mm }: MmuVm) {
      yield* clearYoung(kvm, HVA0, HVA1);
      yield* getDirtyLog(kvm, 0);
      return yield* mm.page.at(0).content.readOnce();
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
      vm.mm.page.at(0).content.peek() === results.host || logged(vm),
  },
  sometimes: {
    'the write is copied': ({ results }) => results.host === 7n,
    'the write comes after the copy': ({ results }) => results.host === 1n,
  },
});
