/**
 * Changing one entry of the host's page table in place, as KSM and copy-on-write do: announced by a pair of
 * invalidations, and inside it by change_pte. Before 3.7 there was change_pte alone.
 *
 * While the change is made the entry is PTE_BUSY, which stands for the page-table lock: who needs the entry waits.
 */
import type { Task } from '@faultline/machine';
import { type Hva, PAGE_SIZE } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { invalidateRangeEnd, invalidateRangeStart } from '../virt/mmu-notifier.ts';
import { changePte } from '../virt/mmu-notifier-change.ts';
import { type MmStruct, PTE_BUSY } from './mm.ts';

/** Replaces `old` by `next` unless the entry has changed; returns whether it did. @kernel set_pte_at_notify include/linux/mmu_notifier.h */
export function* changeHostPte(kvm: Kvm, hva: Hva, old: bigint, next: bigint): Task<boolean> {
  const ptep = (kvm.mmStruct as MmStruct).ptes.at(Math.floor(hva / PAGE_SIZE));
  const bracketed = kvm.config.changePteAlone === 0;
  if (bracketed) yield* invalidateRangeStart(kvm, hva, (hva + PAGE_SIZE) as Hva);
  const mine = (yield* ptep.cmpxchg(old, PTE_BUSY)) === old;
  if (mine) {
    // KVM first: a fault that asks meanwhile waits for the entry, and finds the new frame.
    yield* changePte(kvm, hva, next);
    yield* ptep.writeOnce(next);
  }
  if (bracketed) yield* invalidateRangeEnd(kvm, hva, (hva + PAGE_SIZE) as Hva);
  return mine;
}
