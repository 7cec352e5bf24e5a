/** The small machine of the toy scenarios: one cell, lock and pointer of each kind. */
import {
  cell32,
  cell53,
  cell64,
  fairRwlock,
  mutex,
  ptrCell,
  rwlock,
  spinlock,
  srcu,
  struct,
  type Task,
  u32Field,
  type ViewType,
} from '@faultline/machine';

export const Node = struct('toy_node', { value: u32Field });

export const Toy = struct('toy', {
  x: cell32,
  y: cell32,
  big: cell64,
  number: cell53,
  node: ptrCell(() => Node),
  lock: mutex,
  spin: spinlock,
  table: rwlock,
  fair: fairRwlock,
  count: u32Field,
  srcu,
});
export type Toy = ViewType<typeof Toy>;

export function* setUpToy(): Task<Toy> {
  const toy = Toy.alloc();
  toy.srcu.init('real', 2);
  const node = Node.alloc();
  node.value = 1;
  yield* toy.node.assign(node);
  return toy;
}
