/** A write to a bus takes slots_lock around the call of the device, as the comment above the bus functions has it. */
import type { Task } from '@faultline/machine';
import { firstDevice } from '../src/virt/io-bus.ts';
import type { IoBus } from '../src/virt/io-bus-state.ts';
import { deviceWrite } from '../src/virt/io-device.ts';
import type { IoDevice } from '../src/virt/io-device-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/io-bus.ts#writeFirstTaker c51df675 */
export function* writeFirstTaker(
  kvm: Kvm,
  bus: IoBus,
  addr: number,
  len: number,
  value: bigint,
): Task<number> {
  yield* kvm.slotsLock.lock();
  const i = firstDevice(bus, addr, len);
  const result = i < 0 ? i : yield* deviceWrite(kvm, bus.range.at(i).dev as IoDevice, addr, len, value);
  yield* kvm.slotsLock.unlock();
  return result;
}
