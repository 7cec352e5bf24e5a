import { never, scenario, type Task } from '@faultline/machine';
import { type Client, makeClient, readVersion, replaceVersion } from './client.ts';

/**
 * kernel/rcu/srcutree.c, srcu_gp_mutex.
 *
 * A grace period asks the index which side is the inactive one, before its flip and after it. If another grace period
 * flips the index in between, the second answer is the first one again, and the side on which a reader still is has
 * never been waited for. So there is one grace period at a time.
 */
export const overlappingGracePeriods = scenario('srcu/overlapping-grace-periods', {
  title: 'a grace period flips the index in the middle of another one',
  source: 'kernel/rcu/srcutree.c srcu_advance_state()',
  size: '1 reader, 2 grace periods at once, 1 CPU',
  defends: ['srcu.serialize_grace_periods'],
  *setup(): Task<Client> {
    return makeClient('real', 1);
  },
  threads: {
    *reader(client: Client) {
      return yield* readVersion(client);
    },
    *updater(client: Client) {
      yield* replaceVersion(client, 1);
    },
    *other(client: Client) {
      yield* client.srcu.synchronize();
    },
  },
  always: {
    'no reader touches a freed version': never('use after free'),
  },
  sometimes: {
    'the reader finds the old version': ({ results: { reader } }) => reader === 0,
    'the reader finds the new version': ({ results: { reader } }) => reader === 1,
  },
});
