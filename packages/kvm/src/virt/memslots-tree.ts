/**
 * The gfn tree and the id hash of one set, in the node of each slot that belongs to this set. Only the inactive set is
 * edited, so no reader ever walks a tree in change.
 *
 * The kernel uses a red-black tree; this is a treap whose priorities come from the slot id, which has the same depth
 * for fewer cases.
 */
import type { Gfn } from '../types.ts';
import { ID_BUCKETS, type Memslot, type Memslots, type SlotNode } from './memslots.ts';

/** The slot that contains `gfn`, or null. @kernel search_memslots include/linux/kvm_host.h */
export function treeSearch(slots: Memslots, gfn: Gfn): Memslot | null {
  let slot = slots.gfnTree;
  while (slot !== null) {
    if (gfn < slot.baseGfn) slot = nodeIn(slots, slot).left;
    else if (gfn < slot.baseGfn + slot.npages) return slot;
    else slot = nodeIn(slots, slot).right;
  }
  return null;
}

/** Puts the slot into the set. Its frames overlap none of the set's. @kernel kvm_insert_gfn_node virt/kvm/kvm_main.c */
export function treeInsert(slots: Memslots, slot: Memslot): void {
  const node = nodeIn(slots, slot);
  node.left = null;
  node.right = null;
  slots.gfnTree = insertUnder(slots, slots.gfnTree, slot);
  const bucket = slot.id % ID_BUCKETS;
  node.nextId = slots.idHash.get(bucket);
  slots.idHash.set(bucket, slot);
}

/** Takes the slot out of the set. @kernel kvm_erase_gfn_node virt/kvm/kvm_main.c */
export function treeRemove(slots: Memslots, slot: Memslot): void {
  slots.gfnTree = removeUnder(slots, slots.gfnTree, slot);
  const bucket = slot.id % ID_BUCKETS;
  const first = slots.idHash.get(bucket);
  const next = nodeIn(slots, slot).nextId;
  if (first === slot) {
    slots.idHash.set(bucket, next);
    return;
  }
  let before = first;
  while (before !== null && nodeIn(slots, before).nextId !== slot) before = nodeIn(slots, before).nextId;
  if (before !== null) nodeIn(slots, before).nextId = next;
}

/** Whether any slot of the set but `except` overlaps [base, base + npages). @kernel kvm_check_memslot_overlap virt/kvm/kvm_main.c */
export function treeOverlaps(slots: Memslots, base: number, npages: number, except: number): boolean {
  const below = (slot: Memslot | null): boolean => {
    if (slot === null) return false;
    const node = nodeIn(slots, slot);
    if (base + npages <= slot.baseGfn) return below(node.left);
    if (base >= slot.baseGfn + slot.npages) return below(node.right);
    return slot.id !== except || below(node.left) || below(node.right);
  };
  return below(slots.gfnTree);
}

function nodeIn(slots: Memslots, slot: Memslot): SlotNode {
  return slot.nodes.at(slots.nodeIdx);
}

function insertUnder(slots: Memslots, root: Memslot | null, slot: Memslot): Memslot {
  if (root === null) return slot;
  const node = nodeIn(slots, root);
  if (slot.baseGfn < root.baseGfn) {
    const left = insertUnder(slots, node.left, slot);
    if (priority(left) <= priority(root)) {
      node.left = left;
      return root;
    }
    node.left = nodeIn(slots, left).right;
    nodeIn(slots, left).right = root;
    return left;
  }
  const right = insertUnder(slots, node.right, slot);
  if (priority(right) <= priority(root)) {
    node.right = right;
    return root;
  }
  node.right = nodeIn(slots, right).left;
  nodeIn(slots, right).left = root;
  return right;
}

function removeUnder(slots: Memslots, root: Memslot | null, slot: Memslot): Memslot | null {
  if (root === null) return null;
  const node = nodeIn(slots, root);
  if (root === slot) return merge(slots, node.left, node.right);
  if (slot.baseGfn < root.baseGfn) node.left = removeUnder(slots, node.left, slot);
  else node.right = removeUnder(slots, node.right, slot);
  return root;
}

function merge(slots: Memslots, left: Memslot | null, right: Memslot | null): Memslot | null {
  if (left === null) return right;
  if (right === null) return left;
  if (priority(left) >= priority(right)) {
    const node = nodeIn(slots, left);
    node.right = merge(slots, node.right, right);
    return left;
  }
  const node = nodeIn(slots, right);
  node.left = merge(slots, left, node.left);
  return right;
}

/** Scrambles the id, so that slots created in address order still make a shallow tree. */
function priority(slot: Memslot): number {
  return Math.imul(slot.id + 1, 0x9e3779b1) >>> 0;
}
