/** Picks the steps of one execution from a schedule; past its end, the thread that went last, else the first that can. */
import type { Schedule } from './schedule.ts';
import type { Reduction, Search } from './search.ts';

/** Called before each step, when the thread still waits to do it, and after. */
export interface Observer {
  before(step: number, thread: number): void;
  after(step: number): void;
}

export class Scripted implements Reduction {
  thread = 0;
  choice = 0;
  /** First step at which the scheduled thread could not go, or its choice was out of range; -1 if none. */
  impossible = -1;

  constructor(
    private readonly search: Search,
    private readonly schedule: Schedule,
    private readonly goOn: boolean,
    private readonly observer: Observer | null = null,
  ) {}

  pick(d: number): boolean {
    const { threads, choices } = this.schedule;
    if (d < threads.length) {
      this.thread = threads[d];
      this.choice = choices[d];
      if (!this.possible()) {
        this.impossible = d;
        return false;
      }
    } else if (!this.goOn || !this.search.pickAwake(d, this)) return false;
    this.observer?.before(d, this.thread);
    return true;
  }

  executed(d: number): void {
    this.search.sleep.clear(d + 1);
    this.observer?.after(d);
  }

  ended(): void {}

  another(): boolean {
    return false;
  }

  open(): number {
    return 1;
  }

  private possible(): boolean {
    const { search, thread } = this;
    if (thread >= search.run.threads.all || !search.run.enabled(thread)) return false;
    return this.choice < search.outcomes(thread);
  }
}
