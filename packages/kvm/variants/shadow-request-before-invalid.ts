/** vCPUs are asked to load another root before the one they have is said to be invalid. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { kvmMmuLock, kvmMmuUnlock } from '../src/virt/mmu-lock.ts';
import { requestFreeObsoleteRoots } from '../src/x86/obsolete-roots.ts';
import { shadowOf } from '../src/x86/shadow/shadow-mmu.ts';
import { activePages, commitZapPages, type InvalidList, prepareZapPage } from '../src/x86/shadow/zap-page.ts';

/** @replaces packages/kvm/src/x86/shadow/zap-all.ts#shadowZapAllFast 345bdaba */
export function* shadowZapAllFast(kvm: Kvm): Task {
  const mmu = shadowOf(kvm);
  yield* kvmMmuLock(kvm);
  const list: InvalidList = [];
  yield* requestFreeObsoleteRoots(kvm);
  const generation = yield* mmu.mmuValidGen.readOnce();
  yield* mmu.mmuValidGen.writeOnce(generation ^ 1);
  const pages = activePages(kvm).reverse();
  for (const page of pages)
    if ((yield* page.invalid.readOnce()) === 0) yield* prepareZapPage(kvm, page, list);
  yield* commitZapPages(kvm, list);
  yield* kvmMmuUnlock(kvm);
}
