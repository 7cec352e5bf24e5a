/** What the scenarios of this area start from: a VM with devices of one register on its MMIO bus. */
import { createVm, type Kvm, type VmOptions } from '@faultline/kvm';
import {
  allocRegisterDevice,
  ioBusRegisterDev,
  ioBusWrite,
  KvmBus,
  type RegisterDevice,
} from '@faultline/kvm/seams';
import { bugOn, type Task } from '@faultline/machine';

export interface BusVm {
  readonly kvm: Kvm;
  readonly devices: readonly RegisterDevice[];
}

/** Addresses of the devices: one register of 8 bytes each. */
export const ADDR = [0x1000, 0x2000, 0x3000, 0x4000] as const;

/** A VM and one device at each of the first `count` addresses. Allocations fail only after this, if ever. */
export function* busVm(count: number, options: VmOptions = {}): Task<BusVm> {
  const kvm = yield* createVm({ ...options, allocMayFail: false });
  const devices: RegisterDevice[] = [];
  for (let i = 0; i < count; i++) {
    const device = allocRegisterDevice();
    const result = yield* registerDevice(kvm, i, device);
    bugOn(result !== 0, `a device cannot be registered at set-up: ${result}`);
    devices.push(device);
  }
  kvm.config.allocMayFail = options.allocMayFail ? 1 : 0;
  return { kvm, devices };
}

/** Puts the device on the MMIO bus at `ADDR[index]`. */
export function* registerDevice(kvm: Kvm, index: number, device: RegisterDevice): Task<number> {
  yield* kvm.slotsLock.lock();
  const result = yield* ioBusRegisterDev(kvm, KvmBus.MMIO, ADDR[index] as number, 8, device.dev);
  yield* kvm.slotsLock.unlock();
  return result;
}

/** What a vCPU's exit does with a guest's write: 0 if a device took it, else a negative errno. */
export function* exitWrite(
  kvm: Kvm,
  addr: number,
  value: bigint,
  len = 8,
  bus: number = KvmBus.MMIO,
): Task<number> {
  const idx = yield* kvm.srcu.readLock();
  const result = yield* ioBusWrite(kvm, bus, addr, len, value);
  yield* kvm.srcu.readUnlock(idx);
  return result;
}
