/** Whatever was read is taken. */
import type { Task } from '@faultline/machine';
import type { VmTsc } from '../src/x86/tsc-state.ts';

/** @replaces packages/kvm/src/x86/pvclock.ts#unchanged 7761dc48 */
export function* unchanged(vm: VmTsc, _seq: number): Task<boolean> {
  yield* vm.pvclockSc.readOnce();
  return true;
}
