/**
 * Optimal dynamic partial order reduction (Abdulla, Aronis, Jonsson, Sagonas): each Mazurkiewicz trace is visited exactly
 * once. Every node has a wakeup tree of the sequences to visit from it; races of finished executions add to it.
 */
import { Reversal, type Shortcuts } from './reversal.ts';
import type { Reduction, Search } from './search.ts';
import type { Sequence } from './sequence.ts';
import { WakeupTrees } from './wakeup-tree.ts';

export class Optimal implements Reduction {
  thread = 0;
  choice = 0;
  private readonly trees = new WakeupTrees();
  /** Row whose children are the tree of each node. */
  private readonly treeOf: Int32Array;
  /** For each depth a row for the tree of a node of its own, once there was one; 0 before. */
  private readonly rootAt: Int32Array;
  private readonly reversal: Reversal;

  constructor(
    private readonly search: Search,
    shortcuts: Shortcuts,
  ) {
    this.treeOf = new Int32Array(search.options.maxSteps + 2);
    this.rootAt = new Int32Array(search.options.maxSteps + 2);
    this.reversal = new Reversal(search, true, (i, steps) => this.plan(i, steps), shortcuts);
  }

  pick(d: number): boolean {
    const { trees, treeOf } = this;
    if (d > 0) {
      const branch = trees.firstChild[treeOf[d - 1]];
      if (trees.firstChild[branch] >= 0 && this.possible(branch)) {
        treeOf[d] = branch;
        return this.first(d);
      }
    }
    if (!this.search.pickAwake(d, this)) return false;
    treeOf[d] = this.root(d);
    trees.add(treeOf[d], this.thread, this.choice, 0);
    return true;
  }

  executed(d: number): void {
    const branch = this.trees.firstChild[this.treeOf[d]];
    this.trees.foot[branch] = this.search.events.foot[d];
  }

  ended(ending: number, fresh: number): void {
    this.reversal.all(ending, fresh);
  }

  another(d: number): boolean {
    const { trees, treeOf } = this;
    trees.removeFirst(treeOf[d]);
    return trees.firstChild[treeOf[d]] >= 0 && this.first(d);
  }

  drop(d: number): boolean {
    return this.another(d);
  }

  open(d: number): number {
    return this.trees.width(this.treeOf[d]);
  }

  /** An empty tree for the node at depth `d`; the one of its predecessors there, which is empty again, if there were any. */
  private root(d: number): number {
    if (this.rootAt[d] === 0) this.rootAt[d] = this.trees.root() + 1;
    return this.rootAt[d] - 1;
  }

  /** Whether the first step planned below `branch` can be taken; if not, all plans there are dropped. */
  private possible(branch: number): boolean {
    const { trees, search } = this;
    if (!search.flawed || search.run.enabled(trees.thread[trees.firstChild[branch]])) return true;
    while (trees.firstChild[branch] >= 0) trees.removeFirst(branch);
    return false;
  }

  private first(d: number): boolean {
    const branch = this.trees.firstChild[this.treeOf[d]];
    this.thread = this.trees.thread[branch];
    this.choice = this.trees.choice[branch];
    return true;
  }

  private plan(i: number, steps: Sequence): void {
    this.trees.insert(this.treeOf[i], steps);
  }
}
