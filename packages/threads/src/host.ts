/** The host's side of a run on threads: starts one worker a thread of the scenario, watches over them, and reports. */
import { Worker } from 'node:worker_threads';
import type { Finding, Summary } from './report.ts';
import type { Order, Reply } from './serve.ts';
import { Ended, Mailbox, type Shared, Word } from './worker/shared.ts';

export interface StressOptions {
  /** Rounds to run; 0 or left out: no bound but `ms`. */
  readonly rounds?: number;
  /** Ends after the round under way when this many milliseconds have passed; 0 or left out: no bound but `rounds`. */
  readonly ms?: number;
  /** Rounds that are run even if `ms` has passed. */
  readonly minRounds?: number;
  /** Fixes choices, chaos and starting skew; what threads make of them stays theirs. */
  readonly seed?: number;
  readonly chaos?: boolean;
  readonly stepsOff?: readonly string[];
  /** A wait that takes longer is a finding. Default 10 s. */
  readonly stuckAfterMs?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (rounds: number, states: number) => void;
  /** Several times a second: what the scenario's `watch` cells hold. */
  readonly onWatch?: (values: readonly number[]) => void;
}

export interface StressResult extends Summary {
  readonly scenario: string;
  readonly threads: readonly string[];
  /** Why it ended. */
  readonly ended: 'rounds' | 'time' | 'finding' | 'interrupted';
}

/**
 * Runs scenario `name` of a threads bundle, one worker a thread, until a bound, a finding or the signal.
 * Throws if the bundle does not load, has no such scenario, or its set-up fails or differs between workers.
 */
export async function runOnThreads(
  bundle: string,
  name: string,
  options: StressOptions = {},
): Promise<StressResult> {
  if (!options.rounds && !options.ms) throw new RangeError("a run needs a bound: 'rounds' or 'ms'");
  return new Run(bundle, name, options).start();
}

const WATCH_MS = 100;

class Run {
  private readonly workers: Worker[] = [];
  /** When the first round was seen to have ended: what comes before is workers starting. */
  private began = 0;
  private shared: Shared | null = null;
  private threads: readonly string[] = [];
  private watched: readonly number[] = [];
  private image = '';
  private ended: StressResult['ended'] = 'rounds';
  private judged = -1;
  private judgedAt = performance.now();
  private resolve!: (result: StressResult) => void;
  private reject!: (error: Error) => void;

  constructor(
    private readonly bundle: string,
    private readonly name: string,
    private readonly options: StressOptions,
  ) {}

  async start(): Promise<StressResult> {
    const finished = new Promise<StressResult>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    const watch = setInterval(() => this.watch(), WATCH_MS);
    const onAbort = () => this.stop('interrupted');
    this.options.signal?.addEventListener('abort', onAbort);
    this.launch(0);
    try {
      return await finished;
    } finally {
      clearInterval(watch);
      this.options.signal?.removeEventListener('abort', onAbort);
      await Promise.all(this.workers.map((worker) => worker.terminate()));
    }
  }

  private launch(thread: number): void {
    const { rounds = 0, seed = 1, chaos = false, stepsOff = [], stuckAfterMs = 10_000 } = this.options;
    const { shared } = this;
    const order: Order = { scenario: this.name, thread, rounds, seed, chaos, stepsOff, stuckAfterMs, shared };
    const worker = new Worker(this.bundle, { workerData: order, execArgv: ['--enable-source-maps'] });
    worker.on('message', (reply: Reply) => this.receive(reply));
    worker.on('error', (error) => this.reject(error));
    worker.on('exit', (code) => {
      if (code !== 0) this.reject(new Error(`${this.name}: a worker ended with code ${code}`));
    });
    this.workers.push(worker);
  }

  private receive(reply: Reply): void {
    switch (reply.type) {
      case 'image':
        if (this.image === '') this.image = reply.hash;
        else if (this.image !== reply.hash) {
          this.reject(
            new Error(
              `${this.name}: set-up gives another arena in each worker; it must not depend on time or chance`,
            ),
          );
        }
        return;
      case 'shared':
        this.shared = reply.shared;
        this.threads = reply.threads;
        this.watched = reply.watch;
        this.judgedAt = performance.now();
        if (this.options.signal?.aborted) this.stop('interrupted');
        for (let thread = 1; thread < this.threads.length; thread++) this.launch(thread);
        return;
      case 'summary':
        this.finish(reply.summary);
        return;
      case 'failed':
        this.reject(Object.assign(new Error(`${this.name}: ${reply.message}`), { stack: reply.stack }));
    }
  }

  private finish(summary: Summary): void {
    if (summary.findings.length > 0) this.ended = 'finding';
    this.resolve({
      ...summary,
      scenario: this.name,
      threads: this.threads,
      ended: this.ended,
    });
  }

  private stop(why: StressResult['ended']): void {
    if (this.ended === 'rounds') this.ended = why;
    if (this.shared !== null) Atomics.store(new Int32Array(this.shared.control), Word.STOP, 1);
  }

  private watch(): void {
    if (this.shared === null) return;
    const control = new Int32Array(this.shared.control);
    const judged = Atomics.load(control, Word.JUDGED);
    const now = performance.now();
    this.options.onProgress?.(judged, Atomics.load(control, Word.STATES));
    const words = new Uint32Array(this.shared.arena);
    this.options.onWatch?.(this.watched.map((addr) => Atomics.load(words, addr >>> 2)));
    if (this.began === 0 && judged > 0) this.began = now;
    if (judged !== this.judged) {
      this.judged = judged;
      this.judgedAt = now;
    }
    const { ms = 0, minRounds = 0, stuckAfterMs = 10_000 } = this.options;
    if (ms > 0 && judged > 0 && now - this.began >= ms && judged >= minRounds) this.stop('time');
    // Waits end by themselves after stuckAfterMs; what is left is a thread that runs and never waits.
    if (now - this.judgedAt > stuckAfterMs * 2 + 2000) this.giveUp(this.shared, judged + 1);
  }

  /** A thread spins for ever in code of its own: nothing but terminating its worker ends it. */
  private giveUp(shared: Shared, round: number): void {
    const running = this.threads.filter(
      (_, i) => new Mailbox(shared.mailboxes[i] as SharedArrayBuffer).ended === Ended.RUNNING,
    );
    const text = `${running.join(', ')} did not end the round, and did not wait for anything either`;
    const finding: Finding = {
      kind: 'deadlock',
      text,
      thread: running[0] ?? '',
      round,
      results: '',
      stack: '',
    };
    this.finish({
      rounds: round,
      ms: performance.now() - this.began,
      states: new Map(),
      statesDropped: 0,
      sometimes: {},
      findings: [finding],
    });
  }
}
