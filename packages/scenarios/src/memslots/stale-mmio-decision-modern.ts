import { setUserMemoryRegion } from '@faultline/kvm';
import { guestRead } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * Seed 002 as it is today: bit 63 of the generation marks the update, and nobody caches or trusts a marked generation.
 * A second bump that is forgotten therefore stops all caching instead of making it wrong; the defences overlap.
 */
export const staleMmioDecisionModern = scenario('memslots/stale-mmio-decision-modern', {
  title: 'an exit tags a decision from the old memslots, form of today',
  source: 'ee3d1570b586, 361209e054a2',
  size: '1 vCPU, 2 accesses, 1 update, tree form, bit-63 generations',
  defends: ['memslots.wait_for_readers', 'memslots.second_generation_bump', 'memslots.publish_slots'],
  *setup() {
    return yield* smallVm({ form: 'modern' });
  },
  threads: {
    *vcpu0({ vcpu, flags }: SmallVm) {
      const first = yield* guestRead(vcpu, GPA);
      const after = yield* flags.returned.loadAcquire();
      const second = yield* guestRead(vcpu, GPA);
      return { first: first.via, after: after === 1, second: second.via };
    },
    *ioctl({ kvm, flags }: SmallVm) {
      const result = yield* setUserMemoryRegion(kvm, region(GFN, 1));
      yield* flags.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'an access that starts after the ioctl returned goes to RAM': ({ results: { vcpu0 } }) =>
      !vcpu0.after || vcpu0.second === 'RAM',
    'no set is edited under a reader': never('data race'),
  },
  sometimes: {
    'the first access is MMIO, the second goes to RAM': ({ results: { vcpu0 } }) =>
      vcpu0.first === 'MMIO' && vcpu0.second === 'RAM',
  },
});
