import { createVm, ioctlRegisterCoalescedMmio, ioctlUnregisterCoalescedMmio, type Kvm } from '@faultline/kvm';
import { never, scenario } from '@faultline/machine';
import { exitWrite } from './bus-vm.ts';

/**
 * virt/kvm/coalesced_mmio.c, kvm_vm_ioctl_unregister_coalesced_mmio(); Linux 5d3c4c79384a ("KVM: Stop looking for
 * coalesced MMIO zones if the bus is destroyed").
 *
 * The ioctl ends every zone that contains the given range, one after the other. If there is no memory for a bus without
 * the first of them, the bus is given up with all its other devices, and the zone that the walk meant to visit next has
 * been freed among them.
 */
export const zoneListWalkedAfterFailure = scenario('io/zone-list-walked-after-failure', {
  title: 'the walk over the zones goes on after the failure that freed them',
  source: '5d3c4c79384a',
  size: '1 vCPU, 1 access, 2 zones, allocations may fail',
  defends: [
    'io.stop_after_failed_unregister',
    'io.destroy_stranded_devices',
    'io.unregister_waits_for_readers',
    'io.zone_unregister_holds_slots_lock',
  ],
  *setup() {
    const kvm = yield* createVm();
    yield* ioctlRegisterCoalescedMmio(kvm, { addr: 0x1000, size: 0x100, pio: 0 });
    yield* ioctlRegisterCoalescedMmio(kvm, { addr: 0x1000, size: 0x200, pio: 0 });
    kvm.config.allocMayFail = 1;
    return kvm;
  },
  threads: {
    *vcpu0(kvm: Kvm) {
      return yield* exitWrite(kvm, 0x1000, 7n);
    },
    *ioctl(kvm: Kvm) {
      return yield* ioctlUnregisterCoalescedMmio(kvm, { addr: 0x1000, size: 0x100, pio: 0 });
    },
  },
  always: {
    'no zone is used after it was freed': never('use after free'),
    'the list of zones is walked under slots_lock': never('wrong guard'),
    'no zone is left': (_, kvm) => kvm.coalescedZones === null,
  },
  sometimes: {
    'the write is batched': ({ results: { vcpu0 } }) => vcpu0 === 0,
    'the zones are gone before': ({ results: { vcpu0 } }) => vcpu0 < 0,
    'the bus is given up': (_, kvm) => kvm.buses.at(0).peek() === null,
  },
});
