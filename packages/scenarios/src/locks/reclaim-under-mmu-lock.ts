import { hva, PAGE_SIZE } from '@faultline/kvm';
import { guestWrite, munmap, oomReap } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { GPA0, HVA1, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

/**
 * mmu_lock spins. Whoever holds it may not allocate in a way that waits for memory: memory becomes free when the host
 * takes a page away, for which its notifier needs mmu_lock. So what a fault may need is allocated before.
 */
export const reclaimUnderMmuLock = scenario('locks/reclaim-under-mmu-lock', {
  title: 'a fault waits for memory with mmu_lock held, which the host needs to free some',
  source: 'mmu_topup_memory_caches',
  size: '1 write fault, 1 page that the host takes away, no frame free',
  *setup() {
    return yield* mmuVm({ pages: 2, frames: 2 }, 2);
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      return (yield* guestWrite(vcpu, GPA0, 1n)).via;
    },
    *host({ kvm }: MmuVm) {
      yield* munmap(kvm, HVA1, hva(2 * PAGE_SIZE));
    },
  },
  always: {
    'the fault and the host both go on': never('deadlock'),
  },
  sometimes: {
    'the page is gone, and the write lands': ({ results }, { mm }) =>
      mm.page.at(1).refcount.peek() === 0 && results.vcpu0 === 'RAM' && mm.page.at(0).content.peek() === 1n,
  },
});

/**
 * The OOM reaper announces what it takes away like everybody else, but may not sleep meanwhile. So the lock that a
 * notifier takes spins.
 */
export const reaperSleeps = scenario('locks/reaper-sleeps', {
  title: 'a notifier sleeps for a lock where it may not',
  source: 'mmu_notifier_invalidate_range_start_nonblock',
  size: '1 write fault, 1 page that is reaped',
  *setup() {
    return yield* mmuVm({ pages: 2, frames: 2 }, 2);
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      return (yield* guestWrite(vcpu, GPA0, 1n)).via;
    },
    *host({ kvm }: MmuVm) {
      yield* oomReap(kvm, HVA1);
    },
  },
  always: {
    'nobody sleeps who may not': never('WARN'),
  },
  sometimes: {
    'the page is gone, and the write lands': ({ results }, { mm }) =>
      mm.page.at(1).refcount.peek() === 0 && results.vcpu0 === 'RAM',
  },
});
