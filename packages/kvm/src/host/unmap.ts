/**
 * @area notifier
 *
 * What the VMM does to its own address space while the guest runs: taking pages out, and taking the right to write away.
 */
import type { Task } from '@faultline/machine';
import { type Hva, PAGE_SIZE } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { invalidateRangeEnd, invalidateRangeStart } from '../virt/mmu-notifier.ts';
import { splitHugePmd } from './huge-pmd.ts';
import { type MmStruct, PTE_PRESENT, PTE_WRITABLE, ptePfn, putPage } from './mm.ts';

/** munmap(2): [start, end) holds nothing any more; frames that nobody else uses are free. @kernel unmap_region mm/mmap.c */
export function* munmap(kvm: Kvm, start: Hva, end: Hva): Task {
  const mm = kvm.mmStruct as MmStruct;
  yield* invalidateRangeStart(kvm, start, end);
  for (let hva = start; hva < end; hva = (hva + PAGE_SIZE) as Hva) {
    yield* splitHugePmd(kvm, hva);
    const old = yield* mm.ptes.at(Math.floor(hva / PAGE_SIZE)).xchg(0n);
    if ((old & PTE_PRESENT) !== 0n) yield* putPage(mm, ptePfn(old));
  }
  yield* invalidateRangeEnd(kvm, start, end);
}

/** mprotect(2) with PROT_READ. @kernel change_protection mm/mprotect.c */
export function* mprotectReadOnly(kvm: Kvm, start: Hva, end: Hva): Task {
  const mm = kvm.mmStruct as MmStruct;
  yield* invalidateRangeStart(kvm, start, end);
  for (let hva = start; hva < end; hva = (hva + PAGE_SIZE) as Hva) {
    yield* splitHugePmd(kvm, hva);
    yield* mm.ptes.at(Math.floor(hva / PAGE_SIZE)).fetchAndnot(PTE_WRITABLE);
  }
  yield* invalidateRangeEnd(kvm, start, end);
}
