/**
 * @area srcu
 *
 * RCU, as far as a model without a scheduler needs it: read sections that never wait, and grace periods that wait for
 * the sections under way. Readers are many and short, so that they pay one store at either end: a word of their own,
 * odd inside a section. The explorer's default is the abstract domain of srcu.ts, which has the same interface.
 */
import { MAX_TASKS } from './arena.ts';
import { smpMb } from './cell.ts';
import { current } from './current.ts';
import { array, cell32, u32Field } from './fields.ts';
import * as platform from './platform.ts';
import { type SrcuLevel, srcu } from './srcu.ts';
import { type ObjectField, struct, type ViewType } from './struct.ts';
import type { Task } from './task.ts';

const RcuState = struct(
  'rcu_state',
  {
    /** The abstract level. */
    domain: srcu,
    /** 1: real. */
    real: u32Field,
    /** One word a task: odd inside a section, and never the same value twice. */
    words: array(cell32, MAX_TASKS + 1),
  },
  { as: 'rcu' },
);

/** A domain of RCU as a field: `rcu: rcu`. */
export const rcu: ObjectField<Rcu> = {
  size: RcuState.size,
  align: 8,
  label: 'rcu',
  codec: null,
  inner: RcuState,
  count: 1,
  plain: false,
  accessors: null,
  make: (addr) => new Rcu(addr),
};

export class Rcu {
  private readonly state: ViewType<typeof RcuState>;
  constructor(readonly addr: number) {
    this.state = RcuState.at(addr);
  }

  /** Threads always run the real level. */
  init(level: SrcuLevel): void {
    this.state.domain.init(level, 1);
    this.state.real = level === 'real' || !platform.EXPLORED ? 1 : 0;
  }

  /** rcu_read_lock(): what readUnlock needs. Sections nest. */
  *readLock(): Task<number> {
    if (this.state.real === 0) return yield* this.state.domain.readLock();
    const word = this.state.words.at(current.task);
    // Nobody else writes it.
    const before = word.peek();
    if (before % 2 === 1) return 0;
    // Fully ordered: what the section reads is read after a grace period can see it.
    yield* word.smpStoreMb((before + 1) >>> 0);
    platform.sectionEntered(this.addr, 0);
    return 1;
  }

  /** rcu_read_unlock() */
  *readUnlock(outermost: number): Task {
    if (this.state.real === 0) {
      yield* this.state.domain.readUnlock(outermost);
      return;
    }
    if (outermost === 0) return;
    platform.sectionLeft(this.addr, 0);
    const word = this.state.words.at(current.task);
    yield* word.storeRelease((word.peek() + 1) >>> 0);
  }

  /** synchronize_rcu(): returns after every section that had begun has ended. Never inside a section. */
  *synchronize(): Task {
    if (this.state.real === 0) {
      yield* this.state.domain.synchronize();
      return;
    }
    yield* smpMb();
    for (let task = 0; task <= MAX_TASKS; task++) {
      const word = this.state.words.at(task);
      const seen = yield* word.loadAcquire();
      wait_for_rcu_readers: if (seen % 2 === 1) yield* word.awaitDiffers(seen);
    }
    yield* smpMb();
  }
}
