/** The end of a VM takes a page of user space as if it were there: mm_count keeps the structure, not what is mapped. */
import { bugOn, type Task } from '@faultline/machine';
import type { ArmKvm, UserMm } from '../src/arm64/state.ts';
import { getFrame, putFrame } from '../src/host/user-mm.ts';

/** @replaces packages/kvm/src/arm64/destroy-vm.ts#removePrivateSlots fcca9f87 */
export function* removePrivateSlots(kvm: ArmKvm): Task {
  const mm = kvm.mm as UserMm;
  const pfn = yield* getFrame(mm, 0);
  bugOn(pfn === null, 'a private slot is unmapped from an address space that is gone');
  if (pfn !== null) yield* putFrame(mm, pfn);
}
