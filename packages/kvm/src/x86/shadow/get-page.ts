/**
 * @area shadow
 *
 * Finding the shadow page of a table of the guest, or making one. Under mmu_lock.
 */
import type { Cell, Task } from '@faultline/machine';
import type { Gfn } from '../../types.ts';
import type { Kvm } from '../../virt/kvm.ts';
import type { GuestMemory } from './guest-tables.ts';
import { parentsOf, pteListAdd } from './rmap.ts';
import { shadowOf } from './shadow-mmu.ts';
import { allocShadowPage, indexOf, makeShadowNonleaf, type Role, type ShadowPage } from './shadow-page.ts';
import { syncPage } from './sync.ts';
import { isObsolete, markUnsync } from './unsync.ts';
import { accountShadowed } from './write-track.ts';
import { activePages, type InvalidList, prepareZapPage, remoteFlushOrZap } from './zap-page.ts';

/** @kernel kvm_mmu_get_shadow_page arch/x86/kvm/mmu/mmu.c */
export function* getShadowPage(kvm: Kvm, memory: GuestMemory, gfn: Gfn, role: Role): Task<ShadowPage> {
  const found = yield* findShadowPage(kvm, memory, gfn, role);
  return found ?? (yield* newShadowPage(kvm, gfn, role));
}

/** Links a page below an entry. @kernel link_shadow_page arch/x86/kvm/mmu/mmu.c */
export function* linkShadowPage(kvm: Kvm, parent: ShadowPage, sptep: Cell<bigint>, page: ShadowPage): Task {
  yield* sptep.writeOnce(makeShadowNonleaf(page));
  pteListAdd(parentsOf(page), sptep);
  const unsync = (yield* page.unsync.readOnce()) !== 0 || (yield* page.unsyncChildren.readOnce()) !== 0;
  if (unsync) yield* markUnsync(kvm, parent, indexOf(parent, sptep));
}

/**
 * One that mirrors the table in the same role. If it is out of step it is brought up to what the table says now, but not
 * protected again: that waits for the guest's next flush.
 *
 * @kernel kvm_mmu_find_shadow_page arch/x86/kvm/mmu/mmu.c
 */
function* findShadowPage(kvm: Kvm, memory: GuestMemory, gfn: Gfn, role: Role): Task<ShadowPage | null> {
  const list: InvalidList = [];
  let flush = false;
  let found: ShadowPage | null = null;
  const pages = activePages(kvm).filter((page) => page.gfn === gfn);
  for (const page of pages) {
    if (yield* isObsolete(kvm, page)) continue;
    if (!hasRole(page, role)) {
      // The table is used at a higher level now, where it may not be out of step.
      if (role.level > 1 && (yield* page.unsync.readOnce()) !== 0) yield* prepareZapPage(kvm, page, list);
      continue;
    }
    if (page.direct === 0 && (yield* page.unsync.readOnce()) !== 0) {
      sync_found_page: flush = (yield* syncPage(kvm, memory, page)) || flush;
    }
    page.writeFloodingCount = 0;
    found = page;
    break;
  }
  yield* remoteFlushOrZap(kvm, list, flush);
  return found;
}

function hasRole(page: ShadowPage, { level, direct, access }: Role): boolean {
  return page.level === level && (page.direct === 1) === direct && page.access === access;
}

/** @kernel kvm_mmu_alloc_shadow_page arch/x86/kvm/mmu/mmu.c */
function* newShadowPage(kvm: Kvm, gfn: Gfn, role: Role): Task<ShadowPage> {
  const mmu = shadowOf(kvm);
  const page = allocShadowPage(kvm, gfn, role);
  stamp_generation: page.mmuValidGen = yield* mmu.mmuValidGen.readOnce();
  page.link = mmu.activeMmuPages;
  mmu.activeMmuPages = page;
  mmu.nUsedMmuPages++;
  if (!role.direct) yield* accountShadowed(kvm, page);
  return page;
}
