/**
 * Wakeup trees: for each node of the search, the sequences of steps that are still to be visited from there. Ordered
 * trees in columns with a free list; the tree of a node is the list of children of one of its rows.
 */
import { conflicts } from './footprint.ts';
import type { Sequence } from './sequence.ts';

const NONE = -1;
const INITIAL_ROWS = 2048;

export class WakeupTrees {
  thread: Int32Array = new Int32Array(INITIAL_ROWS);
  choice: Int32Array = new Int32Array(INITIAL_ROWS);
  foot: Int32Array = new Int32Array(INITIAL_ROWS);
  firstChild: Int32Array = new Int32Array(INITIAL_ROWS);
  private nextSibling: Int32Array = new Int32Array(INITIAL_ROWS);
  private free = NONE;
  private used = 0;

  /** A tree of its own, empty. */
  root(): number {
    return this.take(NONE, 0, 0);
  }

  /** Adds a last child. */
  add(parent: number, thread: number, choice: number, foot: number): number {
    const child = this.take(thread, choice, foot);
    let at = this.firstChild[parent];
    if (at === NONE) {
      this.firstChild[parent] = child;
      return child;
    }
    while (this.nextSibling[at] !== NONE) at = this.nextSibling[at];
    this.nextSibling[at] = child;
    return child;
  }

  /** Removes the first child with all below it. */
  removeFirst(parent: number): void {
    const child = this.firstChild[parent];
    this.firstChild[parent] = this.nextSibling[child];
    this.release(child);
  }

  /** Number of children. */
  width(parent: number): number {
    let n = 0;
    for (let child = this.firstChild[parent]; child !== NONE; child = this.nextSibling[child]) n++;
    return n;
  }

  /** Gives back a row and all below it. */
  release(row: number): void {
    for (let child = this.firstChild[row]; child !== NONE; ) {
      const next = this.nextSibling[child];
      this.release(child);
      child = next;
    }
    this.nextSibling[row] = this.free;
    this.free = row;
  }

  /**
   * Inserts `steps` (which it uses up), unless the tree has a branch that leads to the same executions. The first branch
   * is the one that was taken: of the steps only the last may conflict with it or be of its thread.
   */
  insert(root: number, steps: Sequence): boolean {
    let tree = root;
    for (let from = steps.length - 1; ; from = steps.from) {
      const found = this.match(tree, steps, from);
      if (found === NONE) break;
      if (this.firstChild[found] === NONE) return false;
      tree = found;
    }
    if (steps.from === steps.length) return false;
    for (let k = steps.from; k < steps.length; k++) {
      tree = this.add(tree, steps.thread[k], steps.choice[k], steps.foot[k]);
    }
    return true;
  }

  /**
   * The first child that `steps` could begin with; takes that step out of `steps`. Steps before `from` are known to
   * commute with the first child.
   */
  private match(tree: number, steps: Sequence, from: number): number {
    let unknown = from;
    for (let child = this.firstChild[tree]; child !== NONE; child = this.nextSibling[child]) {
      const at = this.positionOf(child, steps, unknown);
      unknown = steps.from;
      if (at === NONE) continue;
      if (at < steps.length) steps.remove(at);
      return child;
    }
    return NONE;
  }

  /** Where the child's step stands in `steps`, their length if nothing there conflicts with it, -1 if it cannot come first. */
  private positionOf(child: number, steps: Sequence, from: number): number {
    const t = this.thread[child];
    const foot = this.foot[child];
    for (let k = from; k < steps.length; k++) {
      if (steps.thread[k] === t) return steps.choice[k] === this.choice[child] ? k : NONE;
      if (conflicts(steps.foot[k], foot)) return NONE;
    }
    return steps.length;
  }

  private take(thread: number, choice: number, foot: number): number {
    let row = this.free;
    if (row !== NONE) this.free = this.nextSibling[row];
    else row = this.fresh();
    this.thread[row] = thread;
    this.choice[row] = choice;
    this.foot[row] = foot;
    this.firstChild[row] = NONE;
    this.nextSibling[row] = NONE;
    return row;
  }

  private fresh(): number {
    if (this.used === this.thread.length) {
      this.thread = doubled(this.thread);
      this.choice = doubled(this.choice);
      this.foot = doubled(this.foot);
      this.firstChild = doubled(this.firstChild);
      this.nextSibling = doubled(this.nextSibling);
    }
    return this.used++;
  }
}

function doubled(array: Int32Array): Int32Array {
  const bigger = new Int32Array(array.length * 2);
  bigger.set(array);
  return bigger;
}
