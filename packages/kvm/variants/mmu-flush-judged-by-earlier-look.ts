/** Whether an entry was writable is decided by what the walk saw, not by the value that the clearing of W replaced. */
import type { Cell, Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { PT_WRITABLE } from '../src/x86/spte-format.ts';

/** @replaces packages/kvm/src/x86/tdp-protect.ts#writeProtectLeaf 53adc001 */
export function* writeProtectLeaf(_kvm: Kvm, sptep: Cell<bigint>, seen: bigint): Task<boolean> {
  yield* sptep.fetchAndnot(PT_WRITABLE);
  return (seen & PT_WRITABLE) !== 0n;
}
