import { ioBusUnregisterDev, ioBusWriteCookie, KvmBus, type RegisterDevice } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { ADDR, type BusVm, busVm } from './bus-vm.ts';

/**
 * virt/kvm/kvm_main.c, kvm_io_bus_write_cookie().
 *
 * A caller that writes to one address often keeps the index at which it was found: a cookie. The array may be another
 * one by the next write, and the index name a device that stands somewhere else. So the range at the index is compared
 * once more before its device is called.
 */
export const staleCookieCallsAnotherDevice = scenario('io/stale-cookie-calls-another-device', {
  title: 'a remembered index names another device after an unregistration',
  source: 'virt/kvm/kvm_main.c kvm_io_bus_write_cookie()',
  size: '1 vCPU, 2 accesses, 1 unregistration, 3 devices',
  defends: ['io.recheck_cookie'],
  *setup() {
    return yield* busVm(3);
  },
  threads: {
    *vcpu0({ kvm }: BusVm) {
      const first = yield* writeWithCookie(kvm, -1);
      const second = yield* writeWithCookie(kvm, first);
      return { first, second };
    },
    *ioctl({ kvm, devices: [device] }: BusVm) {
      yield* kvm.slotsLock.lock();
      const result = yield* ioBusUnregisterDev(kvm, KvmBus.MMIO, (device as RegisterDevice).dev);
      yield* kvm.slotsLock.unlock();
      return result;
    },
  },
  always: {
    'a write reaches the device at its address, and no other': (_, { devices: [first, second, third] }) =>
      first?.calls.peek() === 0 && second?.calls.peek() === 2 && third?.calls.peek() === 0,
  },
  sometimes: {
    'the cookie is still right': ({ results: { vcpu0 } }) => vcpu0.first === 1 && vcpu0.second === 1,
    'the cookie is stale': ({ results: { vcpu0 } }) => vcpu0.first === 1 && vcpu0.second === 0,
  },
});

function* writeWithCookie(kvm: BusVm['kvm'], cookie: number): Task<number> {
  const idx = yield* kvm.srcu.readLock();
  const next = yield* ioBusWriteCookie(kvm, KvmBus.MMIO, ADDR[1], 8, 7n, cookie);
  yield* kvm.srcu.readUnlock(idx);
  return next;
}
