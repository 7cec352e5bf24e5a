import { hva, PAGE_SIZE, setUserMemoryRegion } from '@faultline/kvm';
import { invalidateRangeEnd, invalidateRangeStart } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { deletion, GFN, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * An invalidation is a pair of calls, and both look the slots up. If the slot goes away between them, the end does not
 * uncount what the start counted, and every later fault retries for ever; if it appears between them, the count goes
 * negative. So an update waits until no pair is open, and checks that under the lock that it publishes under.
 */
export const invalidateEndFindsNoSlot = scenario('memslots/invalidate-end-finds-no-slot', {
  title: 'the slots change between the two halves of an invalidation',
  source: '52ac8b358b0c',
  claims: [
    { seed: '000.8', says: 'what the start counted, the end uncounts', verdict: 'holds' },
    {
      seed: '000.44',
      says: 'with the count looked at and the set published under it; not when it is published after it is dropped',
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
    'what the start counted, the end uncounts': (_, { kvm }) => kvm.mmuInvalidateInProgress === 0,
  },
  sometimes: {
    'both return': ({ results }) => results.ioctl === 0,
  },
  final: ({ kvm }) => kvm.mmuInvalidateInProgress,
});

/** The other way round: the slot appears between the halves, and the end uncounts what no start counted. */
export const invalidateEndFindsNewSlot = scenario('memslots/invalidate-end-finds-new-slot', {
  title: 'a slot appears between the two halves of an invalidation',
  source: '52ac8b358b0c',
  size: '1 invalidation, 1 creation, tree form',
  defends: ['memslots.wait_for_invalidations'],
  *setup() {
    return yield* smallVm({ form: 'modern', tableEntries: 1 });
  },
  threads: {
    *notifier({ kvm }: SmallVm) {
      yield* invalidateRangeStart(kvm, hva(GFN * PAGE_SIZE), hva((GFN + 1) * PAGE_SIZE));
      yield* invalidateRangeEnd(kvm, hva(GFN * PAGE_SIZE), hva((GFN + 1) * PAGE_SIZE));
    },
    *ioctl({ kvm }: SmallVm) {
      return yield* setUserMemoryRegion(kvm, region(0, 1, { hostFrame: GFN }));
    },
  },
  always: {
    'the count never goes negative': never('BUG'),
  },
  sometimes: {
    'both return': ({ results }) => results.ioctl === 0,
  },
  final: ({ kvm }) => kvm.mmuInvalidateInProgress,
});
