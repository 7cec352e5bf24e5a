import {
  type Cell,
  never,
  ptrCell,
  type Rcu,
  rcu,
  type StructType,
  scenario,
  struct,
  type Task,
  u32Field,
  type View,
} from '@faultline/machine';

interface Item extends View {
  value: number;
}

const Item: StructType<Item> = struct('rcu_item', { value: u32Field }, { as: 'item' });

interface List extends View {
  readonly head: Cell<Item | null>;
  readonly rcu: Rcu;
}

const List: StructType<List> = struct(
  'rcu_list',
  { head: ptrCell((): StructType<Item> => Item), rcu },
  { as: 'list' },
);

/** A section inside a section is the same section: only the outermost end counts. */
function* readTwice({ head, rcu }: List): Task<number[]> {
  const outermost = yield* rcu.readLock();
  const item = yield* head.rcuDereference();
  const nested = yield* rcu.readLock();
  const first = item?.value ?? -1;
  yield* rcu.readUnlock(nested);
  const second = item?.value ?? -1;
  yield* rcu.readUnlock(outermost);
  return [first, second];
}

/**
 * What page-table pages are freed by: the new item is published, a grace period waits for the readers that may still
 * look at the old one, and then it is freed. The real algorithm, one word a reader, as threads run it.
 */
export const freedUnderAnRcuReader = scenario('srcu/freed-under-an-rcu-reader', {
  title: 'an item is freed while a reader looks at it (RCU, real level)',
  source: 'rcu_read_lock, synchronize_rcu',
  size: '2 readers with nested sections, 1 update, real level',
  defends: ['srcu.wait_for_rcu_readers'],
  *setup() {
    const list = List.alloc();
    list.rcu.init('real');
    const item = Item.alloc();
    item.value = 1;
    yield* list.head.assign(item);
    return list;
  },
  threads: {
    *reader0(list: List) {
      return yield* readTwice(list);
    },
    *reader1(list: List) {
      return yield* readTwice(list);
    },
    *updater({ head, rcu }: List) {
      const old = (yield* head.readOnce()) as Item;
      const item = Item.alloc();
      item.value = 2;
      yield* head.assign(item);
      yield* rcu.synchronize();
      Item.free(old);
    },
  },
  always: {
    'no reader touches a freed item': never('use after free'),
  },
  sometimes: {
    'both items are read': ({ results }) => results.reader0[0] === 1 && results.reader1[0] === 2,
  },
});
