import { type Memslots, setUserMemoryRegion } from '@faultline/kvm';
import { guestRead } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * The transient generation is neither cached nor trusted. The update is still under way, so user space may expect
 * nothing of it yet; but a vCPU that has seen the new slots must not go back to an answer from the old ones.
 */
export const cachedDecisionAfterPublish = scenario('mmio/cached-decision-after-publish', {
  title: 'a cached MMIO answer is used although the new slots are visible',
  source: '361209e054a2',
  size: '1 vCPU, 2 accesses, 1 update, tree form',
  defends: ['mmio.refuse_transient_generation', 'mmio.distrust_transient_generation'],
  *setup() {
    const vm = yield* smallVm({ form: 'modern' });
    return { ...vm, old: vm.kvm.memslots.at(0).peek() };
  },
  threads: {
    *vcpu0({ kvm, vcpu, old }: SmallVm & { old: Memslots | null }) {
      const first = yield* guestRead(vcpu, GPA);
      const visible = (yield* kvm.memslots.at(0).readOnce()) !== old;
      const second = yield* guestRead(vcpu, GPA);
      return { first: first.via, visible, second: second.via };
    },
    *ioctl({ kvm }: SmallVm) {
      return yield* setUserMemoryRegion(kvm, region(GFN, 1));
    },
  },
  always: {
    'an access that starts after the new slots are visible goes to RAM': ({ results: { vcpu0 } }) =>
      !vcpu0.visible || vcpu0.second === 'RAM',
  },
  sometimes: {
    'the new slots become visible between two accesses': ({ results: { vcpu0 } }) =>
      vcpu0.visible && vcpu0.first === 'MMIO' && vcpu0.second === 'RAM',
  },
});
