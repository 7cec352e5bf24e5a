/** The dirty bitmap is freed when logging is turned off, before anybody has waited for readers. */
import type { Task } from '@faultline/machine';
import { ENOMEM } from '../src/errno.ts';
import { kmallocFails } from '../src/host/kmalloc.ts';
import { allocDirtyBitmap, DirtyBitmap } from '../src/virt/dirty-bitmap.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { KVM_MEM_LOG_DIRTY_PAGES, type Memslot } from '../src/virt/memslots.ts';

/** @replaces packages/kvm/src/virt/set-memslot.ts#prepareMemoryRegion efa9b3ba */
/** @kernel kvm_prepare_memory_region virt/kvm/kvm_main.c */
export function* prepareMemoryRegion(kvm: Kvm, old: Memslot | null, next: Memslot | null): Task<number> {
  if (next === null) return 0;
  if ((next.flags & KVM_MEM_LOG_DIRTY_PAGES) === 0) {
    next.dirtyBitmap = null;
    if (old?.dirtyBitmap) {
      DirtyBitmap.free(old.dirtyBitmap);
      old.dirtyBitmap = null;
    }
  } else if (kvm.dirtyRingSize > 0) {
    next.dirtyBitmap = null;
  } else if (old?.dirtyBitmap) {
    next.dirtyBitmap = old.dirtyBitmap;
  } else {
    if (yield* kmallocFails(kvm, 'dirty_bitmap')) return -ENOMEM;
    next.dirtyBitmap = allocDirtyBitmap(next.npages, kvm.config.dirtyLogInitiallySet === 1);
  }
  return 0;
}
