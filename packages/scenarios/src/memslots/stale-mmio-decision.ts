import { setUserMemoryRegion } from '@faultline/kvm';
import { guestRead } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * Seed 002, Linux ee3d1570b586 ("kvm: fix potentially corrupt mmio cache").
 *
 * An exit decides "no slot here, so MMIO" from the old memslots, then reads the memslots again and tags that decision
 * with the generation it finds there. If an update slips in between, the wrong answer carries the new generation and
 * looks current for ever. Bumping the generation once more after the grace period, when no such exit can be under way,
 * makes every tag of that kind stale.
 *
 * The VM is that of 2014; its vCPU caches the decision beside the page table. The page table alone would hide the loss
 * of the second bump here: it drops the low bit, so an odd generation that stays odd fits no entry.
 */
export const staleMmioDecision = scenario('memslots/stale-mmio-decision', {
  title: 'an exit tags a decision from the old memslots with the new generation',
  source: 'ee3d1570b586',
  size: '1 vCPU, 2 accesses, 1 update, form of 2014',
  claims: [
    { seed: '002.1', says: 'exits and updates overlap', verdict: 'holds' },
    { seed: '002.2', says: 'the slots change under an exit', verdict: 'holds' },
    { seed: '002.3', says: 'with the second bump no single dereference is needed', verdict: 'holds' },
    { seed: '002.4', says: 'an exit reads the memslots more than once', verdict: 'holds' },
    { seed: '002.5', says: 'without it an old decision gets a new tag', verdict: 'holds' },
    { seed: '002.8', says: 'the tag read by such an exit is stale soon after it ends', verdict: 'holds' },
    { seed: '002.16', says: 'the generation of an SPTE is read last', verdict: 'holds' },
    { seed: '002.17', says: 'old information, new generation', verdict: 'holds' },
    { seed: '002.24', says: 'the second bump ends it', verdict: 'holds' },
  ],
  defends: ['memslots.second_generation_bump', 'memslots.wait_for_readers'],
  *setup() {
    return yield* smallVm({ form: '2014' });
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
    'no reader touches a freed memslots array': never('use after free'),
  },
  sometimes: {
    'the exit reads the transient generation': (_, { vcpu }) => vcpu.mmioGen % 2 === 1,
    'the first access is MMIO, the second goes to RAM': ({ results: { vcpu0 } }) =>
      vcpu0.first === 'MMIO' && vcpu0.second === 'RAM',
    'the second access is MMIO while the ioctl is under way': ({ results: { vcpu0 } }) =>
      !vcpu0.after && vcpu0.second === 'MMIO',
  },
});
