/** Times a bench task on worker threads. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runOnThreads } from '@faultline/threads';

interface Timed {
  readonly ops: number;
  readonly ms: number;
}

/**
 * For the tasks of one file: a function that gives the nanoseconds an operation of a task takes, as the median over the
 * rounds, of the first thread.
 */
export async function timerOf(
  scenarioFile: string,
  rounds: number,
): Promise<(name: string) => Promise<number>> {
  const root = process.cwd();
  const { buildThreads } = await import(
    pathToFileURL(path.join(root, 'packages/cli/build/threads-bundle.js')).href
  );
  const bundle = await buildThreads(root, { scenarioFile: path.join(root, scenarioFile) });
  return async (name) => {
    const result = await runOnThreads(bundle, `bench/${name}`, { rounds, stuckAfterMs: 60_000 });
    for (const { kind, text, stack } of result.findings) console.log(kind, text, stack);
    const each = [...result.states.keys()].map((text) => {
      const { ops, ms } = (JSON.parse(text).results as { one: Timed }).one;
      return (ms * 1e6) / ops;
    });
    return each.sort((a, b) => a - b)[each.length >> 1] as number;
  };
}
