/** The mappings go with the first task that ends. */
import type { Task } from '@faultline/machine';
import type { UserMm } from '../src/arm64/state.ts';
import { exitMmap } from '../src/host/user-mm.ts';

/** @replaces packages/kvm/src/host/user-mm.ts#mmput 46518e17 */
export function* mmput(mm: UserMm): Task<boolean> {
  const users = yield* mm.mmUsers.fetchAdd(-1 >>> 0);
  if (users !== 2) return false;
  yield* exitMmap(mm);
  return true;
}
