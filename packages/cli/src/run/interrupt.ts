/** Ctrl-C: the first asks for what was done so far, the second ends at once. */
import type { Pool } from './pool.ts';

/** Runs `work` with a pool that the user can stop; closes the pool in any case. */
export async function stoppable<T>(pool: Pool, work: () => Promise<T>): Promise<T> {
  const onSignal = () => {
    if (pool.interrupted) process.exit(130);
    process.stderr.write('\nstopping: what was done so far follows (again to stop at once)\n');
    pool.stop();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await work();
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    await pool.close();
  }
}
