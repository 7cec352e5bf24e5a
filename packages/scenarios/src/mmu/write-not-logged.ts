import { KVM_MEM_LOG_DIRTY_PAGES } from '@faultline/kvm';
import { getDirtyLog, guestRead, guestWrite, PG_DIRTY } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { GPA0, type MmuVm, mmuVm, protectForLogging } from '../vm/mmu-vm.ts';

/** The page's Dirty bit stands in the SPTE, or has been passed on to the host. */
function knownDirty({ kvm, mm }: MmuVm): boolean {
  const spte = kvm.roots.get(0)?.spt.at(0).peek() ?? 0n;
  return (spte & (1n << 9n)) !== 0n || (mm.page.at(0).flags.peek() & PG_DIRTY) !== 0;
}

/**
 * The fast path makes a page writable and logs it, in this order. A migration thread takes the bits, protects the pages,
 * and copies them. A page that changes after it was copied must be in the next harvest.
 */
export const writeNotLogged = scenario('mmu/write-not-logged', {
  title: 'a page changes after it was copied, and no harvest says so',
  source: 'fast_page_fault, kvm_get_dirty_log_protect',
  size: '1 vCPU, 2 writes, 1 harvest, 1 page, tables of 1 level, A/D bits',
  defends: [
    'mmu.mark_dirty_after_cmpxchg',
    'mmu.write_protect_andnot',
    'dirty.flush_before_user_space',
    'dirty.protect_logged_pages',
  ],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 1 }, 1, KVM_MEM_LOG_DIRTY_PAGES);
    yield* guestRead(vm.vcpu, GPA0);
    yield* getDirtyLog(vm.kvm, 0);
    protectForLogging(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
      yield* guestWrite(vcpu, GPA0, 8n);
    },
    *migration({ kvm, mm }: MmuVm) {
      const log = yield* getDirtyLog(kvm, 0);
      const dirty = Array.isArray(log) && log[0] === 1;
      return { dirty, copied: dirty ? yield* mm.page.at(0).content.readOnce() : 0n };
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, { kvm, mm }) => {
      const bitmap = kvm.memslots.at(0).peek()?.gfnTree?.dirtyBitmap;
      return mm.page.at(0).content.peek() === results.migration.copied || bitmap?.words.at(0).peek() === 1;
    },
    'the host can still tell that the page was written': (_, vm) => knownDirty(vm),
  },
  sometimes: {
    'the harvest falls between the writes': ({ results }) => results.migration.copied === 7n,
    'the harvest comes first': ({ results }) => !results.migration.dirty,
    'the harvest comes last': ({ results }) => results.migration.copied === 8n,
  },
});

/** The same for the first write to a page that is not mapped at all: the slow path logs it while it holds mmu_lock. */
export const firstWriteNotLogged = scenario('mmu/first-write-not-logged', {
  title: 'the write that maps a page is not logged',
  source: 'make_spte, kvm_get_dirty_log_protect',
  size: '1 vCPU, 1 write, 1 harvest, 1 page, tables of 1 level, A/D bits',
  defends: ['mmu.log_before_install'],
  *setup() {
    return yield* mmuVm({ pages: 1, frames: 1 }, 1, KVM_MEM_LOG_DIRTY_PAGES);
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
    },
    *migration({ kvm, mm }: MmuVm) {
      const log = yield* getDirtyLog(kvm, 0);
      const dirty = Array.isArray(log) && log[0] === 1;
      return { dirty, copied: dirty ? yield* mm.page.at(0).content.readOnce() : 0n };
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, { kvm, mm }) => {
      const bitmap = kvm.memslots.at(0).peek()?.gfnTree?.dirtyBitmap;
      return mm.page.at(0).content.peek() === results.migration.copied || bitmap?.words.at(0).peek() === 1;
    },
  },
  sometimes: {
    'the harvest has the write': ({ results }) => results.migration.copied === 7n,
    'the harvest comes first': ({ results }) => !results.migration.dirty,
  },
});
