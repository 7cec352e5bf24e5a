import { guestWrite, munmap } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { giveAway, kept } from '../vm/frames.ts';
import { GPA0, HVA0, HVA1, type MmuVm, mmuVm } from '../vm/mmu-vm.ts';

/** The VMM unmaps memory that a slot still names. The guest keeps what it has until the call returns, and nothing after. */
export const unmappedPageReached = scenario('notifier/unmapped-page-reached', {
  title: 'the guest reaches memory that the VMM has unmapped',
  source: 'unmap_region, mmu_notifier_invalidate_range_start',
  size: '1 vCPU, 2 writes, 1 munmap, tables of 1 level, A/D bits',
  defends: [
    'notifier.flush_before_return',
    'notifier.count_in_progress',
    'mmu.retry_while_in_progress',
    'mmu.retry_after_invalidation',
  ],
  *setup() {
    return yield* mmuVm({ pages: 1, frames: 1 });
  },
  threads: {
    *vcpu0({ vcpu }: MmuVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
      return (yield* guestWrite(vcpu, GPA0, 8n)).via;
    },
    *host({ kvm, mm }: MmuVm) {
      yield* munmap(kvm, HVA0, HVA1);
      return yield* giveAway(mm);
    },
  },
  always: {
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) => kept(results.host, vm),
  },
  sometimes: {
    'the guest finds nothing there': ({ results }) => results.vcpu0 === 'MMIO',
    'the frame goes to somebody else': ({ results }) => results.host >= 0,
    'a fault keeps it a little longer': ({ results }) => results.host < 0,
  },
});
