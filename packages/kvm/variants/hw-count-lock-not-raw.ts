/** kvm_count_lock is an ordinary spinlock. */
import type { SpinLock } from '@faultline/machine';
import type { KvmHardware } from '../src/virt/hardware-enable-state.ts';

/** @replaces packages/kvm/src/virt/hardware-enable-state.ts#countLock 71b56387 */
export function countLock(hw: KvmHardware): SpinLock {
  return hw.kvmCountSpinlock;
}
