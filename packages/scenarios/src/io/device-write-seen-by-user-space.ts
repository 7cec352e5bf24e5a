import { type Eventfd, ioctlIoeventfd, openEventfd, setUserMemoryRegion } from '@faultline/kvm';
import { guestWrite } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { GFN, GPA, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

interface DoorbellVm extends SmallVm {
  readonly doorbell: Eventfd;
}

/**
 * arch/x86/kvm/vmx/vmx.c, handle_ept_misconfig(); arch/x86/kvm/x86.c, vcpu_mmio_write().
 *
 * An ioeventfd without a length stands on two buses: on the fast one, which an EPT misconfiguration asks before anything
 * is decoded and before the generation of the entry is looked at, and on the ordinary one, which the emulator asks
 * before user space. While user space puts RAM over the address, a write rings the doorbell or lands in the RAM, never
 * both, and user space never sees it.
 *
 * An entry that is stale goes on ringing after the update is over: until it is replaced, the fast bus is asked whatever
 * its generation says. That is no fault of the buses (user space has left its ioeventfd there), and a checker has to
 * allow just that.
 */
export const deviceWriteSeenByUserSpace = scenario('io/device-write-seen-by-user-space', {
  title: 'a write to an ioeventfd, whose address becomes RAM, is lost, doubled, or sent to user space',
  source: 'arch/x86/kvm/vmx/vmx.c handle_ept_misconfig()',
  size: '1 vCPU, 2 accesses of which the first finds no entry, 1 update',
  defends: ['io.try_bus_before_user_space'],
  *setup() {
    const small = yield* smallVm();
    const doorbell = openEventfd();
    const args = { datamatch: 0n, addr: BigInt(GPA), len: 0, fd: doorbell.addr, flags: 0 };
    yield* ioctlIoeventfd(small.kvm, args);
    return { ...small, doorbell };
  },
  threads: {
    *vcpu0({ vcpu, flags }: DoorbellVm) {
      const first = yield* guestWrite(vcpu, GPA, 1n);
      const after = yield* flags.returned.loadAcquire();
      const second = yield* guestWrite(vcpu, GPA, 2n);
      return { via: [first.via, second.via], after: after === 1 };
    },
    *ioctl({ kvm, flags }: DoorbellVm) {
      const result = yield* setUserMemoryRegion(kvm, region(GFN, 1));
      yield* flags.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'a write rings the doorbell or lands in RAM, and user space never sees it': (outcome, state) => {
      const { via } = outcome.results.vcpu0;
      const frame = state.kvm.memory?.content.at(GFN).peek();
      const last = via[1] === 'RAM' ? 2n : via[0] === 'RAM' ? 1n : 0n;
      const rings = via.filter((end) => end === 'bus').length;
      return !via.includes('MMIO') && state.doorbell.count.peek() === rings && frame === last;
    },
  },
  sometimes: {
    'both writes ring': ({ results: { vcpu0 } }) => vcpu0.via.join() === 'bus,bus',
    'both land in RAM': ({ results: { vcpu0 } }) => vcpu0.via.join() === 'RAM,RAM',
  },
});
