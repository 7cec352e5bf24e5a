/**
 * @area io
 *
 * KVM_REGISTER_COALESCED_MMIO and KVM_UNREGISTER_COALESCED_MMIO: zones whose writes are batched.
 */
import type { Task } from '@faultline/machine';
import { EINVAL, ENOMEM } from '../errno.ts';
import { kmallocFails } from '../host/kmalloc.ts';
import { zoneContains } from './coalesced-mmio.ts';
import { CoalescedZone } from './coalesced-mmio-state.ts';
import { ioBusRegisterDev, ioBusUnregisterDev } from './io-bus-register.ts';
import { KvmBus } from './io-bus-state.ts';
import { destroyDevice } from './io-device.ts';
import { DeviceOps } from './io-device-state.ts';
import type { Kvm } from './kvm.ts';

/** @kernel struct kvm_coalesced_mmio_zone include/uapi/linux/kvm.h */
export interface CoalescedZoneArgs {
  readonly addr: number;
  readonly size: number;
  /** 1: ports. */
  readonly pio: number;
}

/** The ioctl: 0 or a negative errno. @kernel kvm_vm_ioctl_register_coalesced_mmio virt/kvm/coalesced_mmio.c */
export function* ioctlRegisterCoalescedMmio(kvm: Kvm, args: CoalescedZoneArgs): Task<number> {
  if (args.pio !== 0 && args.pio !== 1) return -EINVAL;
  if (yield* kmallocFails(kvm, 'kvm_coalesced_mmio_dev')) return -ENOMEM;
  const zone = CoalescedZone.alloc();
  zone.dev.ops = DeviceOps.COALESCED;
  zone.base = args.addr;
  zone.size = args.size;
  zone.pio = args.pio;

  zone_register_holds_slots_lock: yield* kvm.slotsLock.lock();
  const result = yield* ioBusRegisterDev(kvm, busOf(args), args.addr, args.size, zone.dev);
  if (result === 0) append(kvm, zone);
  else CoalescedZone.free(zone);
  zone_register_holds_slots_lock: yield* kvm.slotsLock.unlock();
  return result;
}

/** Ends every zone that contains the given range; always 0. @kernel kvm_vm_ioctl_unregister_coalesced_mmio virt/kvm/coalesced_mmio.c */
export function* ioctlUnregisterCoalescedMmio(kvm: Kvm, args: CoalescedZoneArgs): Task<number> {
  if (args.pio !== 0 && args.pio !== 1) return -EINVAL;
  // For the whole walk: the list is the same lock's.
  zone_unregister_holds_slots_lock: yield* kvm.slotsLock.lock();
  let zone = kvm.coalescedZones;
  while (zone !== null) {
    const next = zone.next;
    if (zone.pio === args.pio && zoneContains(zone, args.addr, args.size)) {
      const result = yield* ioBusUnregisterDev(kvm, busOf(args), zone.dev);
      yield* destroyDevice(kvm, zone.dev);
      // The bus took all its other zones along, `next` among them.
      stop_after_failed_unregister: if (result !== 0) break;
    }
    zone = next;
  }
  zone_unregister_holds_slots_lock: yield* kvm.slotsLock.unlock();
  return 0;
}

function busOf(args: CoalescedZoneArgs): number {
  return args.pio === 1 ? KvmBus.PIO : KvmBus.MMIO;
}

function append(kvm: Kvm, zone: CoalescedZone): void {
  let last = kvm.coalescedZones;
  if (last === null) {
    kvm.coalescedZones = zone;
    return;
  }
  while (last.next !== null) last = last.next;
  last.next = zone;
}
