/**
 * @area shadow
 *
 * A write to a table that is mirrored, of a level above the last: it is done by the emulator, and the entries that mirror
 * what was written are zapped, to be made again from what stands there now.
 */
import type { Task } from '@faultline/machine';
import { hvaToPfnPinned } from '../../host/gup.ts';
import { type MmStruct, putPage, setPfnDirty } from '../../host/mm.ts';
import type { Gfn } from '../../types.ts';
import { markPageDirtyInSlot } from '../../virt/dirty-log.ts';
import type { Kvm, Vcpu } from '../../virt/kvm.ts';
import { hvaOf } from '../../virt/memslots.ts';
import { kvmMmuLock, kvmMmuUnlock } from '../../virt/mmu-lock.ts';
import { vcpuMemslots } from '../../virt/vcpu-memslots.ts';
import { isShadowPresent } from '../spte-predicates.ts';
import { formatOf } from '../tdp-spte.ts';
import { frameWord, guestMemory, slotOfGfn, walkGuest } from './guest-tables.ts';
import { shadowOf } from './shadow-mmu.ts';
import type { ShadowPage } from './shadow-page.ts';
import { indirectPagesOf } from './unsync.ts';
import { type InvalidList, prepareZapPage, remoteFlushOrZap, zapEntry } from './zap-page.ts';

/** How an emulated write ended. */
export type Emulated = 'done' | 'guest fault' | 'no memory';

/** Writes to a table after which its shadow is not worth keeping. @kernel detect_write_flooding arch/x86/kvm/mmu/mmu.c */
const WRITE_FLOODING = 3;

/** Word `word` of a page of virtual memory. Inside kvm->srcu. @kernel emulator_write_emulated arch/x86/kvm/x86.c */
export function* emulateWrite(vcpu: Vcpu, page: number, word: number, value: bigint): Task<Emulated> {
  const kvm = vcpu.kvm as Kvm;
  const memory = guestMemory(vcpu, yield* vcpuMemslots(vcpu));
  const walker = yield* walkGuest(memory, page, true);
  if (walker === null) return 'guest fault';
  const slot = yield* slotOfGfn(memory, walker.gfn);
  if (slot === null) return 'no memory';
  const mm = kvm.mmStruct as MmStruct;
  const gup = yield* hvaToPfnPinned(kvm, hvaOf(slot, walker.gfn), true);
  if (gup === null) return 'no memory';
  yield* frameWord(kvm, gup.pfn, word).writeOnce(value);
  yield* setPfnDirty(mm, gup.pfn);
  yield* putPage(mm, gup.pfn);
  yield* markPageDirtyInSlot(vcpu, slot, walker.gfn);
  track_emulated_write: yield* trackWrite(kvm, walker.gfn, word);
  return 'done';
}

/** After the write: what mirrors the word no longer fits. @kernel kvm_mmu_pte_write, kvm_mmu_track_write arch/x86/kvm/mmu/mmu.c */
function* trackWrite(kvm: Kvm, gfn: Gfn, word: number): Task {
  if ((yield* shadowOf(kvm).indirectShadowPages.readOnce()) === 0) return;
  const list: InvalidList = [];
  let flush = false;
  yield* kvmMmuLock(kvm);
  const pages = yield* indirectPagesOf(kvm, gfn);
  for (const page of pages) {
    if (isFlooded(page)) {
      yield* prepareZapPage(kvm, page, list);
      continue;
    }
    const old = yield* zapEntry(kvm, { page, sptep: page.spt.at(word), index: word });
    flush = flush || isShadowPresent(formatOf(kvm), old);
  }
  flush_written_entry: yield* remoteFlushOrZap(kvm, list, flush);
  yield* kvmMmuUnlock(kvm);
}

/** Whoever writes a table again and again does not use it as one. */
function isFlooded(page: ShadowPage): boolean {
  return page.level > 1 && ++page.writeFloodingCount >= WRITE_FLOODING;
}
