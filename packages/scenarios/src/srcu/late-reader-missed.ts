import { never, scenario, type Task } from '@faultline/machine';
import { type Client, makeClient, readVersion, replaceVersion } from './client.ts';

/**
 * kernel/rcu/srcutree.c, srcu_advance_state(): why a grace period scans twice.
 *
 * A reader fetches the index, then is counted on that side, and may stall in between for any time. If a grace period
 * passes meanwhile, the side where the reader is then counted is the inactive one, and the reader finds the version
 * that this grace period published. The next grace period replaces that version. It flips again, and would wait only
 * for the side that was active: so it must begin by draining the inactive side, where the late reader is.
 */
export const lateReaderMissed = scenario('srcu/late-reader-missed', {
  title: 'a reader stalls before it is counted, and the grace period after next misses it',
  source: 'kernel/rcu/srcutree.c srcu_advance_state()',
  size: '1 reader, 2 grace periods, 1 CPU',
  defends: ['srcu.drain_inactive_index'],
  *setup(): Task<Client> {
    return makeClient('real', 1);
  },
  threads: {
    *reader(client: Client) {
      return yield* readVersion(client);
    },
    *updater(client: Client) {
      yield* replaceVersion(client, 1);
      yield* replaceVersion(client, 2);
    },
  },
  always: {
    'no reader touches a freed version': never('use after free'),
  },
  sometimes: {
    'the reader finds the version in the middle': ({ results: { reader } }) => reader === 1,
  },
});
