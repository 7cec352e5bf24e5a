/** A new bitmap is empty, although initially-set was asked for. */
import { DirtyBitmap, dirtyBitmapBytes } from '../src/virt/dirty-bitmap.ts';

/** @replaces packages/kvm/src/virt/dirty-bitmap.ts#allocDirtyBitmap 3efa7cb6 */
/** @kernel kvm_alloc_dirty_bitmap virt/kvm/kvm_main.c */
export function allocDirtyBitmap(npages: number, _initiallySet: boolean): DirtyBitmap {
  const bitmap = DirtyBitmap.alloc(dirtyBitmapBytes(npages));
  bitmap.npages = npages;
  return bitmap;
}
