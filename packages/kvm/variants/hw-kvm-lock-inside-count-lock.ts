/** The first VM enables CPUs with kvm_lock held as well, so that no other joins the list meanwhile: inside kvm_count_lock. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import { onEachCpu } from '../src/hw/on-each-cpu.ts';
import type { KvmHardware } from '../src/virt/hardware-enable-state.ts';

/** @replaces packages/kvm/src/virt/hardware-enable.ts#enableRound a458d168 */
export function* enableRound(hw: KvmHardware, own: HostCpu): Task<boolean> {
  yield* hw.enableFailed.writeOnce(0);
  yield* hw.kvmLock.lock();
  yield* onEachCpu(hw, own, true);
  yield* hw.kvmLock.unlock();
  return (yield* hw.enableFailed.readOnce()) !== 0;
}
