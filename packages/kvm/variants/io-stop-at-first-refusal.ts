/** An access that the first device at its address refuses goes to user space at once. */
import type { Task } from '@faultline/machine';
import { EOPNOTSUPP } from '../src/errno.ts';
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
  const index = firstDevice(bus, addr, len);
  if (index < 0) return -EOPNOTSUPP;
  const dev = bus.range.at(index).dev as IoDevice;
  return (yield* deviceWrite(kvm, dev, addr, len, value)) === 0 ? index : -EOPNOTSUPP;
}
