/** A table counts as in step, for those who look without mmu_lock, before its entries have been looked at. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { flushRemoteTlbs } from '../src/x86/flush.ts';
import type { GuestMemory } from '../src/x86/shadow/guest-tables.ts';
import { rmapWriteProtect } from '../src/x86/shadow/protect.ts';
import type { ShadowPage } from '../src/x86/shadow/shadow-page.ts';
import { syncPage } from '../src/x86/shadow/sync.ts';
import { clearParents, unsyncBelow } from '../src/x86/shadow/zap-page.ts';

/** @replaces packages/kvm/src/x86/shadow/sync.ts#syncChildren fd279b5a */
export function* syncChildren(kvm: Kvm, memory: GuestMemory, parent: ShadowPage): Task {
  let flush = false;
  for (;;) {
    const found = yield* unsyncBelow(kvm, parent);
    if (found.length === 0) break;
    let protectedSome = false;
    for (const { page } of found) {
      protectedSome = (yield* rmapWriteProtect(kvm, page.gfn, true)) || protectedSome;
    }
    if (protectedSome) yield* flushRemoteTlbs(kvm);
    for (const { page, path } of found) {
      yield* page.unsync.writeOnce(0);
      yield* clearParents(path);
      flush = (yield* syncPage(kvm, memory, page)) || flush;
    }
  }
  if (flush) yield* flushRemoteTlbs(kvm);
}
