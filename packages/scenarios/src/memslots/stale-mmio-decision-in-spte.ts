import { setUserMemoryRegion } from '@faultline/kvm';
import { guestRead } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * Seed 002 through the page table alone. An MMIO SPTE of 2014 keeps no low bit of the generation, so after one update
 * from an even start a lost second bump shows nowhere: the generation stays odd and fits no entry. With a second update
 * it is even again, and an entry made in that window fits.
 */
export const staleMmioDecisionInSpte = scenario('memslots/stale-mmio-decision-in-spte', {
  title: 'an MMIO SPTE made from the old memslots fits the new generation',
  source: 'ee3d1570b586',
  size: '1 vCPU, 2 accesses, 2 updates, form of 2014 without the vCPU cache',
  claims: [
    { seed: '002.6', says: 'the wrong answer stays until the next update', verdict: 'holds' },
    { seed: '002.23', says: 'no update begins with an odd generation', verdict: 'holds' },
  ],
  defends: ['memslots.second_generation_bump'],
  *setup() {
    return yield* smallVm({ form: '2014', vcpuMmioCache: false, tableEntries: 2 });
  },
  threads: {
    *vcpu0({ vcpu, flags }: SmallVm) {
      const first = yield* guestRead(vcpu, GPA);
      const after = yield* flags.returned.loadAcquire();
      const second = yield* guestRead(vcpu, GPA);
      return { first: first.via, after: after === 1, second: second.via };
    },
    *ioctl({ kvm, flags }: SmallVm) {
      // An unrelated slot first: it moves the generation and nothing else.
      yield* setUserMemoryRegion(kvm, region(0, 1, { slot: 1 }));
      const result = yield* setUserMemoryRegion(kvm, region(GFN, 1));
      yield* flags.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'an access that starts after the ioctl returned goes to RAM': ({ results: { vcpu0 } }) =>
      !vcpu0.after || vcpu0.second === 'RAM',
    'no update begins with an odd generation': never('WARN'),
  },
  sometimes: {
    'the first access is MMIO, the second goes to RAM': ({ results: { vcpu0 } }) =>
      vcpu0.first === 'MMIO' && vcpu0.second === 'RAM',
  },
});
