/** Every VM is a user of the address space that it was made in: mmget() where it was mmgrab(). */
import type { ArmKvm, UserMm } from '../src/arm64/state.ts';

/** @replaces packages/kvm/src/arm64/create.ts#keepMm 813d53c1 */
export function keepMm(kvm: ArmKvm, mm: UserMm, _holdsUsers: boolean): void {
  mm.mmCount.poke(mm.mmCount.peek() + 1);
  kvm.holdsUsers = 1;
  mm.mmUsers.poke(mm.mmUsers.peek() + 1);
}
