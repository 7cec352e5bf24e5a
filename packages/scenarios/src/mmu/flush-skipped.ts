import { KVM_MEM_LOG_DIRTY_PAGES } from '@faultline/kvm';
import { getDirtyLog, guestWrite } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { GPA0, type MmuVm, mmuVm, protectForLogging } from '../vm/mmu-vm.ts';

/**
 * Seeds 000 and 003, "flush tlbs due to spte change". Write protection finds an entry read-only and concludes that no
 * TLB can hold more. But the fast path makes it writable between that look and the clearing of W, and the CPU caches
 * that: from then on the tables say read-only, no later protection sees anything to do, and the guest writes on. What is
 * asked is the value that the atomic clearing replaced; and whether a bit of the log was taken.
 */
export const flushSkipped = scenario('mmu/flush-skipped-nothing-changed', {
  title: 'write protection finds a read-only entry and does not flush, while a TLB holds a writable one',
  source: 'Documentation/virt/kvm/locking.rst, "flush tlbs due to spte change"',
  size: '1 vCPU, 2 writes, 2 harvests, 1 page, tables of 1 level, A/D bits',
  claims: [
    {
      seed: '000.35',
      says: 'protection meets a read-only entry while a TLB holds a writable one',
      verdict: 'holds',
    },
    { seed: '000.37', says: 'with the atomic update the race with the fast path is gone', verdict: 'holds' },
    {
      seed: '003.14',
      says: 'in the interleaving shown, a TLB keeps a writable translation',
      verdict: 'holds',
    },
  ],
  // Either of the two is enough here: see the mutant, which takes both away.
  defends: ['dirty.flush_for_taken_bits'],
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 1 }, 1, KVM_MEM_LOG_DIRTY_PAGES);
    // The page's bit is set; the entry is read-only.
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    protectForLogging(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
      yield* guestWrite(vcpu, GPA0, 8n);
    },
    *migration({ kvm, mm }: MmuVm) {
      yield* getDirtyLog(kvm, 0);
      const again = yield* getDirtyLog(kvm, 0);
      return {
        again: Array.isArray(again) && again[0] === 1,
        copied: yield* mm.page.at(0).content.readOnce(),
      };
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, { kvm, mm }) => {
      const bitmap = kvm.memslots.at(0).peek()?.gfnTree?.dirtyBitmap;
      return mm.page.at(0).content.peek() === results.migration.copied || bitmap?.words.at(0).peek() === 1;
    },
  },
  sometimes: {
    'the first write falls between the harvests': ({ results: { migration } }) =>
      migration.again && migration.copied === 7n,
    'both writes come after': ({ results: { migration } }) => !migration.again && migration.copied === 1n,
  },
});
