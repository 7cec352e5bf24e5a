import { type Memslots, setUserMemoryRegion } from '@faultline/kvm';
import { guestRead } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * Seed 002: "keeping the existing increment is not strictly necessary". True: without it every access after the ioctl
 * still goes to RAM. What it buys is this scenario: an MMIO SPTE from before the update stops answering at the moment
 * the new slots become visible, not only after the grace period, however long the updater is preempted there.
 */
export const oldSpteAfterPublish = scenario('mmio/old-spte-after-publish', {
  title: 'an MMIO SPTE from before the update answers although the new slots are visible',
  source: 'ee3d1570b586',
  size: '1 vCPU, 1 access, 1 update, form of 2014 without the vCPU cache',
  claims: [
    {
      seed: '002.9',
      says: 'the first bump is not needed for what user space may expect',
      verdict: 'holds',
    },
    { seed: '002.10', says: 'it stops cached MMIO at once', verdict: 'holds' },
    { seed: '002.11', says: 'it covers an updater preempted after the grace period', verdict: 'holds' },
    { seed: '002.13', says: 'entries answer nothing during the grace period', verdict: 'holds' },
  ],
  defends: ['memslots.mark_generation_transient'],
  *setup() {
    const vm = yield* smallVm({ form: '2014', vcpuMmioCache: false });
    // The entry stands before the update begins.
    yield* guestRead(vm.vcpu, GPA);
    return { ...vm, old: vm.kvm.memslots.at(0).peek() };
  },
  threads: {
    *vcpu0({ kvm, vcpu, flags, old }: SmallVm & { old: Memslots | null }) {
      const visible = (yield* kvm.memslots.at(0).readOnce()) !== old;
      const after = yield* flags.returned.loadAcquire();
      const access = yield* guestRead(vcpu, GPA);
      return { visible, after: after === 1, via: access.via };
    },
    *ioctl({ kvm, flags }: SmallVm) {
      const result = yield* setUserMemoryRegion(kvm, region(GFN, 1));
      yield* flags.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'an access that starts after the new slots are visible goes to RAM': ({ results: { vcpu0 } }) =>
      !vcpu0.visible || vcpu0.via === 'RAM',
    'an access that starts after the ioctl returned goes to RAM': ({ results: { vcpu0 } }) =>
      !vcpu0.after || vcpu0.via === 'RAM',
  },
  sometimes: {
    'the old entry still answers before the update': ({ results: { vcpu0 } }) => vcpu0.via === 'MMIO',
    'the new slots are visible and the ioctl has not returned': ({ results: { vcpu0 } }) =>
      vcpu0.visible && !vcpu0.after,
  },
});
