/**
 * Throwing all translations away. With the TDP MMU see zap-fast.ts; the one-table model visits every entry.
 */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../virt/kvm.ts';
import type { MmuPage } from './mmu-page.ts';
import { shadowZapAllFast } from './shadow/zap-all.ts';
import { zapAllFast } from './zap-fast.ts';

/** Zaps every SPTE of the VM. Under slots_lock. */
export function* zapAll(kvm: Kvm): Task {
  if (kvm.shadowMmu !== null) {
    yield* shadowZapAllFast(kvm);
    return;
  }
  if (kvm.config.tdpMmu === 1) {
    yield* zapAllFast(kvm);
    return;
  }
  yield* kvm.mmuLock.writeLock();
  for (let asId = 0; asId < kvm.config.addressSpaces; asId++) {
    const root = kvm.roots.get(asId) as MmuPage;
    for (let i = 0; i < root.entries; i++) yield* root.spt.at(i).xchg(0n);
  }
  yield* kvm.mmuLock.writeUnlock();
}
