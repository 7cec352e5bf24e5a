/**
 * @area memslots
 *
 * Changing a slot in the flat form of 2014: copy the whole array, change the copy, install it, free the old one.
 */
import type { Task } from '@faultline/machine';
import { ENOMEM } from '../errno.ts';
import { kmallocFails } from '../host/kmalloc.ts';
import { DirtyBitmap } from './dirty-bitmap.ts';
import { installNewMemslots } from './install-memslots.ts';
import type { Kvm } from './kvm.ts';
import {
  allocMemslots,
  copyMemslot,
  KVM_MEMSLOT_INVALID,
  type Memslot,
  Memslots,
  Memslot as MemslotType,
} from './memslots.ts';
import { Change, fillMemslot, flushShadowMemslot, prepareMemoryRegion, type Region } from './set-memslot.ts';

/** Under slots_lock; `active` is the array in use. Returns 0 or a negative errno. @kernel __kvm_set_memory_region virt/kvm/kvm_main.c */
export function* setMemslotFlat(
  kvm: Kvm,
  active: Memslots,
  old: Memslot | null,
  region: Region,
  change: number,
): Task<number> {
  const before = snapshot(old);
  let slots: Memslots | null = null;
  if (change === Change.DELETE || change === Change.MOVE) {
    if (yield* kmallocFails(kvm, 'slots')) return -ENOMEM;
    const invalid = copyMemslots(active);
    const slot = entryOf(invalid, region.id) as Memslot;
    slot.flags |= KVM_MEMSLOT_INVALID;
    slots = yield* installNewMemslots(kvm, invalid);
    yield* flushShadowMemslot(kvm);
    // No reader is left in the old array: it becomes the next one, and goes on from the current generation.
    slots.generation.poke(invalid.generation.peek());
    active = invalid;
  }
  const next = MemslotType.alloc();
  fillMemslot(next, region);
  const result = yield* prepareMemoryRegion(kvm, before, region.npages === 0 ? null : next);
  if (result !== 0) {
    MemslotType.free(next);
    if (slots !== null) Memslots.free(yield* installNewMemslots(kvm, slots));
    return result;
  }
  if (slots === null) slots = copyMemslots(active);
  updateMemslots(slots, next);
  Memslots.free(yield* installNewMemslots(kvm, slots));
  commitFlat(kvm, before, next, change);
  MemslotType.free(next);
  return 0;
}

/** Puts the slot in its sorted place, or takes it out if it has no pages. @kernel update_memslots virt/kvm/kvm_main.c */
export function updateMemslots(slots: Memslots, next: Memslot): void {
  const kept: number[] = [];
  for (let i = 0; i < slots.usedSlots; i++) if (slots.entries.at(i).slot.id !== next.id) kept.push(i);
  const goes = next.npages > 0;
  let place = kept.findIndex((i) => slots.entries.at(i).slot.baseGfn < next.baseGfn);
  if (place < 0) place = kept.length;
  const order = kept.map((i) => readEntry(slots.entries.at(i).slot));
  if (goes) order.splice(place, 0, readEntry(next));
  slots.usedSlots = order.length;
  for (let i = 0; i < slots.capacity; i++) {
    const entry = slots.entries.at(i).slot;
    const source = order[i];
    if (source === undefined) entry.npages = 0;
    else writeEntry(entry, source);
  }
  for (let i = 0; i < order.length; i++) slots.entries.at((order[i] as Entry).id).idToIndex = i;
}

type Entry = Region & { readonly dirtyBitmap: Memslot['dirtyBitmap'] };

function readEntry(slot: Memslot): Entry {
  const { id, asId, baseGfn, npages, flags, userspaceAddr, dirtyBitmap } = slot;
  return { id, asId, baseGfn, npages, flags, userspaceAddr, dirtyBitmap };
}

function writeEntry(slot: Memslot, entry: Entry): void {
  fillMemslot(slot, entry);
  slot.dirtyBitmap = entry.dirtyBitmap;
}

/** kmemdup() of the whole set. */
function copyMemslots(from: Memslots): Memslots {
  const to = allocMemslots(from.capacity);
  to.generation.poke(from.generation.peek());
  to.usedSlots = from.usedSlots;
  for (let i = 0; i < from.capacity; i++) {
    const entry = from.entries.at(i);
    to.entries.at(i).idToIndex = entry.idToIndex;
    if (i < from.usedSlots) copyMemslot(to.entries.at(i).slot, entry.slot);
  }
  return to;
}

function entryOf(slots: Memslots, id: number): Memslot | null {
  return slots.entries.at(slots.entries.at(id).idToIndex).slot;
}

/** The slot as it was: the array it stood in is about to change. */
function snapshot(old: Memslot | null): Memslot | null {
  if (old === null) return null;
  const copy = MemslotType.alloc();
  copyMemslot(copy, old);
  return copy;
}

function commitFlat(kvm: Kvm, before: Memslot | null, next: Memslot, change: number): void {
  if (change === Change.CREATE) kvm.nrMemslotPages += next.npages;
  if (before === null) return;
  if (change === Change.DELETE) kvm.nrMemslotPages -= before.npages;
  const bitmap = before.dirtyBitmap;
  if (bitmap !== null && (change === Change.DELETE || bitmap !== next.dirtyBitmap)) DirtyBitmap.free(bitmap);
  MemslotType.free(before);
}
