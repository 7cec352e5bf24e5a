import { never, scenario, type Task } from '@faultline/machine';
import { type Client, makeClient, replaceVersion, type Version } from './client.ts';

/**
 * kernel/rcu/srcutree.c, __srcu_read_lock(); include/linux/srcu.h: "the returned index must be passed to unlock".
 *
 * Sections nest, and a flip may fall between the outer and the inner one: then they are counted on different sides, and
 * each must be ended on its own. A reader that asked for the index again when it ends a section would end the wrong one:
 * a grace period then waits for ever for a section that is over, or not at all for one that is not.
 */
export const nestedSectionEndsTheOuter = scenario('srcu/nested-section-ends-the-outer', {
  title: 'a flip falls between two nested sections, and the end of one is counted for the other',
  source: 'kernel/rcu/srcutree.c __srcu_read_unlock()',
  size: '1 reader with 2 nested sections, 1 grace period, 1 CPU',
  defends: ['srcu.drain_active_index'],
  *setup(): Task<Client> {
    return makeClient('real', 1);
  },
  threads: {
    *reader({ srcu, pointer }: Client) {
      const outer = yield* srcu.readLock();
      const version = (yield* pointer.rcuDereference()) as Version;
      const inner = yield* srcu.readLock();
      yield* srcu.readUnlock(inner);
      const { number } = version;
      yield* srcu.readUnlock(outer);
      return { number, sides: [outer, inner] };
    },
    *updater(client: Client) {
      yield* replaceVersion(client, 1);
    },
  },
  always: {
    'the outer section is waited for': never('use after free'),
    'no section is waited for after its end': never('livelock'),
  },
  sometimes: {
    'the sections are counted on different sides': ({ results: { reader } }) =>
      reader.sides[0] !== reader.sides[1],
    'the reader finds the old version': ({ results: { reader } }) => reader.number === 0,
  },
});
