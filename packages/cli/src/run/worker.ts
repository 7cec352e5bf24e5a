/**
 * A worker: loads modules as jobs name them and runs the jobs on their scenarios. The order in which modules load is fixed (vocabulary,
 * explorer, then the module), since it decides the numbers that structs get in the arena.
 */
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { survey } from '@faultline/explore';
import { type AnyScenario, UnknownStepError } from '@faultline/machine';
import { UsageError } from '../exit.ts';
import { scenariosOf } from '../scenarios.ts';
import { type Hooks, runCheck } from './check-job.ts';
import type { Job, Message, Result } from './job.ts';
import { runReplay } from './replay-job.ts';

interface Data {
  readonly stop: SharedArrayBuffer;
}

process.setSourceMapsEnabled(true);
const { stop } = workerData as Data;
const stopWord = new Int32Array(stop);
const port = parentPort as NonNullable<typeof parentPort>;
const loaded = new Map<string, Promise<AnyScenario[]>>();

port.on('message', async (job: Job) => post(await answer(job)));

async function answer(job: Job): Promise<Message> {
  try {
    const scenario = (await scenariosIn(job.module)).find(({ name }) => name === job.scenario);
    if (scenario === undefined) throw new UsageError(`${job.module} has no scenario '${job.scenario}'`);
    return { type: 'result', result: run(job, scenario) };
  } catch (error) {
    const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
    if (error instanceof UsageError || error instanceof UnknownStepError) {
      return { type: 'failed', usage: true, message, stack };
    }
    const place = stack.split('\n').find((line) => /^\s+at .*(file:|\/)/.test(line)) ?? '';
    // What throws out of the explorer is the scenario's set-up, unless the explorer itself is where it was thrown.
    const usage = !/packages\/(explore|cli)\//.test(place);
    return { type: 'failed', usage, message: `set-up of ${job.scenario}: ${message}\n${place}`, stack };
  }
}

function scenariosIn(module: string): Promise<AnyScenario[]> {
  let scenarios = loaded.get(module);
  if (scenarios === undefined) {
    scenarios = import(pathToFileURL(module).href).then(scenariosOf);
    loaded.set(module, scenarios);
  }
  return scenarios;
}

function run(job: Job, scenario: AnyScenario): Result {
  if (job.kind === 'check') return runCheck(job, scenario, hooks);
  if (job.kind === 'replay') return runReplay(job, scenario);
  const { maxExecutions } = job;
  return { kind: 'survey', ...survey(scenario, { maxExecutions, signal: hooks.signal }) };
}

/** The search polls `aborted`; the thread that would deliver an event is the one that is searching. */
const hooks: Hooks = {
  onProgress: (progress) => post({ type: 'progress', progress }),
  signal: {
    get aborted() {
      return Atomics.load(stopWord, 0) !== 0;
    },
  } as AbortSignal,
};

function post(message: Message): void {
  port.postMessage(message);
}
