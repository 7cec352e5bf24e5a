/**
 * Workers that run jobs. They are kept warm: a search that has been compiled is several times faster than a fresh one.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { UsageError } from '../exit.ts';
import { host } from '../host.ts';
import type { Job, Message, Progress, Result } from './job.ts';

interface Waiting {
  readonly job: Job;
  readonly done: (result: Result) => void;
  readonly failed: (error: Error) => void;
}

interface Member {
  readonly worker: Worker;
  /** What the worker runs. */
  readonly file: string;
  /** Modules that it has loaded. */
  readonly modules: Set<string>;
  busy: Waiting | null;
}

export class Pool {
  private readonly members: Member[] = [];
  private readonly queue: Waiting[] = [];
  /** Word 0 is 1 once searches under way are to end with what they have. */
  private readonly stopWord = new Int32Array(new SharedArrayBuffer(4));
  private stopped = false;
  private closed = false;

  constructor(
    private readonly size: number,
    private readonly onProgress: (progress: Progress) => void = () => {},
  ) {}

  /** Rejects with a UsageError if what the user gave is wrong, with another error for a defect of ours. */
  run<J extends Job>(job: J): Promise<Extract<Result, { kind: J['kind'] }>> {
    return new Promise((resolve, reject) => {
      this.queue.push({ job, done: resolve as (result: Result) => void, failed: reject });
      this.advance();
    });
  }

  /** Ends the searches under way, which then give what they have, and starts none of those that wait. */
  stop(): void {
    this.stopped = true;
    Atomics.store(this.stopWord, 0, 1);
    for (const { failed } of this.queue.splice(0)) failed(new Interrupted());
  }

  get interrupted(): boolean {
    return this.stopped;
  }

  /** Ends all workers; jobs that wait are dropped. */
  async close(): Promise<void> {
    this.stop();
    this.closed = true;
    await Promise.all(this.members.splice(0).map(({ worker }) => worker.terminate()));
  }

  private advance(): void {
    while (!this.closed && this.queue.length > 0) {
      const found = this.pair();
      if (found === null) return;
      const [member, at] = found;
      const next = this.queue.splice(at, 1)[0] as Waiting;
      member.busy = next;
      member.modules.add(next.job.module);
      member.worker.postMessage(next.job);
    }
  }

  /** A worker that is free and a job for it, warm if possible; a new worker if none suits; null if all are busy. */
  private pair(): [Member, at: number] | null {
    const idle = this.members.filter(({ busy }) => busy === null);
    for (const suits of [isWarm, isFit]) {
      for (const member of idle) {
        const at = this.queue.findIndex(({ job }) => suits(member, job));
        if (at >= 0) return [member, at];
      }
    }
    if (this.members.length >= this.size) {
      const [other] = idle;
      if (other === undefined) return null;
      this.members.splice(this.members.indexOf(other), 1);
      void other.worker.terminate();
    }
    const member = this.start(workerOf((this.queue[0] as Waiting).job));
    this.members.push(member);
    return [member, 0];
  }

  private start(file: string): Member {
    const worker = new Worker(pathToFileURL(file), {
      workerData: { stop: this.stopWord.buffer },
      execArgv: ['--enable-source-maps'],
    });
    const member: Member = { worker, file, modules: new Set(), busy: null };
    worker.on('message', (message: Message) => this.receive(member, message));
    worker.on('error', (error: Error) => this.fail(member, error));
    worker.on('exit', (code) => this.fail(member, new Error(`a worker ended with code ${code}`)));
    return member;
  }

  private receive(member: Member, message: Message): void {
    if (message.type === 'progress') {
      this.onProgress(message.progress);
      return;
    }
    if (message.type === 'ready') return;
    const waiting = member.busy;
    member.busy = null;
    if (message.type === 'result') {
      waiting?.done(message.result);
    } else {
      const error = message.usage ? new UsageError(message.message) : new Error(message.message);
      if (!message.usage) error.stack = message.stack;
      waiting?.failed(error);
    }
    this.advance();
  }

  private fail(member: Member, error: Error): void {
    const at = this.members.indexOf(member);
    if (at >= 0) this.members.splice(at, 1);
    const waiting = member.busy;
    member.busy = null;
    waiting?.failed(error);
    this.advance();
  }
}

/** Has the module of the job. */
function isWarm(member: Member, job: Job): boolean {
  return member.modules.has(job.module) && isFit(member, job);
}

/**
 * May run the job. Structs get their numbers in the arena as modules load, so what shows an arena's hash wants a worker
 * that has loaded nothing else; a verdict does not depend on it.
 */
function isFit({ file, modules }: Member, job: Job): boolean {
  if (file !== workerOf(job)) return false;
  const hashShows = job.kind !== 'check' || job.explain === true;
  return !hashShows || modules.size === 0 || (modules.size === 1 && modules.has(job.module));
}

/** A module over a changed vocabulary comes with the worker that shares it. */
function workerOf({ module }: Job): string {
  const own = path.join(path.dirname(module), 'worker.js');
  return existsSync(own) ? own : path.join(host().built, 'worker.js');
}

/** A job that was not begun, because the user asked to stop. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted before it began');
    this.name = 'Interrupted';
  }
}
