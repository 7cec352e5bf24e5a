import { migrate, never, scenario, type Task } from '@faultline/machine';
import { type Client, makeClient, readVersion, replaceVersion } from './client.ts';

/**
 * kernel/rcu/srcutree.c, srcu_readers_active_idx_check().
 *
 * Each CPU counts the sections that began on it and those that ended on it, and a section may end on another CPU than it
 * began. A scan cannot stop the counting: it sums one kind, then the other. Unlocks must come first. In the other order a
 * section that begins after the locks were summed, and ends before the unlocks are, adds an unlock without its lock, and
 * cancels a reader that is still inside. It need not migrate for that, and one CPU is enough; two make the sums longer.
 */
export const readerCancelledInTheSums = scenario('srcu/reader-cancelled-in-the-sums', {
  title: 'a reader that comes and goes during a scan cancels another one in its sums',
  source: 'kernel/rcu/srcutree.c srcu_readers_active_idx_check()',
  size: '2 readers of which 1 may migrate, 1 grace period, 2 CPUs',
  *setup(): Task<Client> {
    return makeClient('real', 2);
  },
  threads: {
    *migrant(client: Client) {
      const idx = yield* client.srcu.readLock();
      const cpu = yield* migrate(2);
      yield* client.srcu.readUnlock(idx);
      return cpu;
    },
    *updater(client: Client) {
      yield* replaceVersion(client, 1);
    },
    *reader(client: Client) {
      return yield* readVersion(client);
    },
  },
  always: {
    'no reader touches a freed version': never('use after free'),
  },
  sometimes: {
    'the section ends on another CPU': ({ results: { migrant } }) => migrant === 1,
    'the reader finds the old version': ({ results: { reader } }) => reader === 0,
  },
});
