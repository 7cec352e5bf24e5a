/** The dirty bitmap of a slot: one bit a page, then as many again that a harvest uses as scratch. */
import { array, at, cell32, struct, type Task, u32Field, type ViewType } from '@faultline/machine';

/** Bits are set by vCPUs without a lock (set_bit), and freed only after a grace period of kvm->srcu. */
export const DirtyBitmap = struct(
  'dirty_bitmap',
  {
    npages: u32Field,
    /** 32 pages a word. The live half; the scratch half follows it. */
    words: array(cell32),
  },
  { as: 'memslot->dirty_bitmap' },
);
export type DirtyBitmap = ViewType<typeof DirtyBitmap>;

/** Bytes of both halves: 2 x ALIGN(npages, 64) / 8. @kernel kvm_dirty_bitmap_bytes include/linux/kvm_host.h */
export function dirtyBitmapBytes(npages: number): number {
  return (2 * Math.ceil(npages / 64) * 64) / 8;
}

/** Allocates a bitmap; all ones in the live half if `initiallySet`. @kernel kvm_alloc_dirty_bitmap virt/kvm/kvm_main.c */
export function allocDirtyBitmap(npages: number, initiallySet: boolean): DirtyBitmap {
  const bitmap = DirtyBitmap.alloc(dirtyBitmapBytes(npages));
  bitmap.npages = npages;
  if (initiallySet) {
    for (let page = 0; page < npages; page++) {
      const word = bitmap.words.at(page >>> 5);
      word.poke((word.peek() | (1 << (page & 31))) >>> 0);
    }
  }
  return bitmap;
}

/** set_bit_le(): atomic. */
export function* setDirty(bitmap: DirtyBitmap, page: number): Task {
  yield* bitmap.words.at(page >>> 5).fetchOr((1 << (page & 31)) >>> 0, at('dirty.set_dirty_bit'));
}
