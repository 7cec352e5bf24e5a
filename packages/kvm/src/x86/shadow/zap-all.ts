/**
 * @area shadow
 *
 * Throwing all shadow pages away: those of today's generation are obsolete from one moment on, vCPUs load other roots, and
 * the old pages are taken apart. And keeping their number within the VM's quota.
 */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../../virt/kvm.ts';
import { kvmMmuLock, kvmMmuUnlock } from '../../virt/mmu-lock.ts';
import { requestFreeObsoleteRoots } from '../obsolete-roots.ts';
import { shadowOf } from './shadow-mmu.ts';
import { isObsolete } from './unsync.ts';
import { activePages, commitZapPages, type InvalidList, prepareZapPage } from './zap-page.ts';

/** Under slots_lock. When it returns no vCPU uses an entry from before. @kernel kvm_mmu_zap_all_fast arch/x86/kvm/mmu/mmu.c */
export function* shadowZapAllFast(kvm: Kvm): Task {
  const mmu = shadowOf(kvm);
  yield* kvmMmuLock(kvm);
  const generation = yield* mmu.mmuValidGen.readOnce();
  toggle_valid_gen: yield* mmu.mmuValidGen.writeOnce(generation ^ 1);
  // In the same section: a vCPU that served the request before would keep its root.
  request_free_obsolete: yield* requestFreeObsoleteRoots(kvm);
  zap_obsolete_pages: yield* zapObsoletePages(kvm);
  yield* kvmMmuUnlock(kvm);
}

/** Oldest first; those of the new generation are younger than all others. @kernel kvm_zap_obsolete_pages arch/x86/kvm/mmu/mmu.c */
function* zapObsoletePages(kvm: Kvm): Task {
  const list: InvalidList = [];
  for (;;) {
    const pages = activePages(kvm);
    const oldest = pages[pages.length - 1];
    if (oldest === undefined || !(yield* isObsolete(kvm, oldest))) break;
    yield* prepareZapPage(kvm, oldest, list);
  }
  yield* commitZapPages(kvm, list);
}

/** Room for the pages of one fault, a page a level. Under mmu_lock. @kernel make_mmu_pages_available arch/x86/kvm/mmu/mmu.c */
export function* makeMmuPagesAvailable(kvm: Kvm): Task {
  const mmu = shadowOf(kvm);
  const needed = kvm.config.tdpLevels;
  const list: InvalidList = [];
  const pages = activePages(kvm).reverse();
  for (const page of pages) {
    if (mmu.nMaxMmuPages - mmu.nUsedMmuPages >= needed) break;
    // A root stays as long as a vCPU has it, so nothing is gained. And it may have gone with a page before it.
    skip_roots: if (page.rootCount > 0) continue;
    if ((yield* page.invalid.readOnce()) === 0) yield* prepareZapPage(kvm, page, list);
  }
  yield* commitZapPages(kvm, list);
}
