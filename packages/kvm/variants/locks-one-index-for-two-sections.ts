/** A section inside that of the run loop keeps its index in the same place. */
import type { Task } from '@faultline/machine';
import { ioBusWrite } from '../src/virt/io-bus.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { vcpuSrcuReadLock, vcpuSrcuReadUnlock } from '../src/virt/vcpu-srcu.ts';

/** @replaces packages/kvm/src/virt/vcpu-srcu.ts#vcpuBusWrite 3af349a6 */
export function* vcpuBusWrite(vcpu: Vcpu, bus: number, addr: number, value: bigint): Task<number> {
  yield* vcpuSrcuReadLock(vcpu);
  const result = yield* ioBusWrite(vcpu.kvm as Kvm, bus, addr, 8, value);
  yield* vcpuSrcuReadUnlock(vcpu);
  return result;
}
