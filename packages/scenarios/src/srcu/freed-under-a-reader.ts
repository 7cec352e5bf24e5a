import { never, scenario, type Task } from '@faultline/machine';
import { type Client, makeClient, readVersion, replaceVersion } from './client.ts';

/**
 * kernel/rcu/srcutree.c, synchronize_srcu().
 *
 * The promise of SRCU in its smallest form. An updater publishes a new version, waits for a grace period, and frees the
 * old one; a reader that found the old one may still be using it. Readers are counted on one of two sides; the grace
 * period flips new readers to the other side, then waits until nobody is left on the side from before.
 */
export const freedUnderAReader = scenario('srcu/freed-under-a-reader', {
  title: 'a version is freed while a reader that found it is inside its section',
  source: 'kernel/rcu/srcutree.c synchronize_srcu()',
  size: '2 readers, 1 grace period, 1 CPU',
  defends: [
    'srcu.drain_active_index',
    'srcu.flip_index',
    'srcu.reader_barrier_after_count',
    'srcu.reader_barrier_before_count',
  ],
  *setup(): Task<Client> {
    return makeClient('real', 1);
  },
  threads: {
    *reader0(client: Client) {
      return yield* readVersion(client);
    },
    *reader1(client: Client) {
      return yield* readVersion(client);
    },
    *updater(client: Client) {
      yield* replaceVersion(client, 1);
    },
  },
  always: {
    'no reader touches a freed version': never('use after free'),
    'a grace period comes to its end': never('livelock'),
  },
  sometimes: {
    'one reader finds the old version, the other the new one': ({ results: { reader0, reader1 } }) =>
      reader0 !== reader1,
  },
});
