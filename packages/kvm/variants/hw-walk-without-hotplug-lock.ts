/** The walk over the CPUs that are up goes on while another one comes up. */
import type { Task } from '@faultline/machine';
import { callEach } from '../src/virt/hardware-enable.ts';
import type { KvmHardware } from '../src/virt/hardware-enable-state.ts';

/** @replaces packages/kvm/src/virt/hardware-enable.ts#setupState 4b9799ae */
export function* setupState(hw: KvmHardware): Task<boolean> {
  yield* hw.enableFailed.writeOnce(0);
  yield* callEach(hw, true);
  yield* hw.stateInstalled.writeOnce(1);
  return (yield* hw.enableFailed.readOnce()) !== 0;
}
