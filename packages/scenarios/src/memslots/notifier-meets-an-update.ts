import { hva, PAGE_SIZE, setUserMemoryRegion } from '@faultline/kvm';
import { invalidateRangeEnd, invalidateRangeStart } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { deletion, GFN, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * An update waits, with slots_lock and slots_arch_lock held, until no invalidation is open. A notifier that took either
 * between its start and its end would wait for the update, and the update for it.
 */
export const notifierMeetsAnUpdate = scenario('memslots/notifier-meets-an-update', {
  title: 'an update of the slots and an invalidation wait for each other',
  source: 'locking.rst, kvm_swap_active_memslots',
  claims: [
    {
      seed: '000.9',
      says: 'an invalidation that takes slots_lock or slots_arch_lock ends in a deadlock; one that takes neither ends',
      verdict: 'holds',
    },
  ],
  size: '1 invalidation, 1 deletion, tree form',
  defends: ['memslots.wait_for_invalidations'],
  *setup() {
    const vm = yield* smallVm({ form: 'modern', tableEntries: 1 });
    yield* setUserMemoryRegion(vm.kvm, region(0, 1, { hostFrame: GFN }));
    return vm;
  },
  threads: {
    *notifier({ kvm }: SmallVm) {
      yield* invalidateRangeStart(kvm, hva(GFN * PAGE_SIZE), hva((GFN + 1) * PAGE_SIZE));
      yield* invalidateRangeEnd(kvm, hva(GFN * PAGE_SIZE), hva((GFN + 1) * PAGE_SIZE));
    },
    *ioctl({ kvm }: SmallVm) {
      return yield* setUserMemoryRegion(kvm, deletion());
    },
  },
  always: {
    'the update and the invalidation both end': never('deadlock'),
  },
  sometimes: {
    'both return': ({ results }) => results.ioctl === 0,
  },
  final: ({ kvm }) => kvm.mmuInvalidateSeq.peek(),
});
