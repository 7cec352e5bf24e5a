/**
 * A sequence of calls by one thread, as a scenario: what the platforms are compared by. Its final state is every byte of
 * the arena, so two platforms that agree on it have allocated at the same addresses and left every word the same.
 */
import { createVm, type VmOptions } from '@faultline/kvm';
import {
  type AnyScenario,
  objects,
  regionsUsed,
  SrcuDomain,
  scenario,
  type Task,
  u32,
} from '@faultline/machine';
import { type Bench, type Call, makeCalls } from './sequences/calls.ts';
import { makeWords } from './sequences/words.ts';

export type { Call } from './sequences/calls.ts';
export type { WordOperation } from './sequences/words.ts';

export function sequenceScenario(options: VmOptions, calls: readonly Call[]): AnyScenario {
  return scenario('sequence/one-thread', {
    source: 'none: a sequence of calls',
    *setup(): Task<Bench> {
      const { allocMayFail = false, ...rest } = options;
      const kvm = yield* createVm({ ...rest, srcu: 'real', rcu: 'real' });
      // Set-up runs once and may not choose; the calls may.
      kvm.config.allocMayFail = allocMayFail ? 1 : 0;
      const words = makeWords();
      useRealSrcu();
      return { kvm, words };
    },
    threads: {
      *only(bench: Bench) {
        return yield* makeCalls(bench, calls);
      },
    },
    always: {},
    sometimes: {},
    final: wordsInUse,
  });
}

/** Threads have no other level, so both platforms run the real one in every domain that stands in the arena. */
function useRealSrcu(): void {
  for (const { type, start } of objects()) {
    for (const field of type.fields) {
      if (field.type.inner === SrcuDomain) SrcuDomain.at(start + field.offset).real = 1;
    }
  }
}

/** 'address:value' in hex of each word of the arena that is not 0. */
function wordsInUse(): string[] {
  const found: string[] = [];
  for (const { from, to } of regionsUsed()) {
    for (let at = from; at < to; at += 4) {
      const word = u32[at >>> 2] as number;
      if (word !== 0) found.push(`${at.toString(16)}:${word.toString(16)}`);
    }
  }
  return found;
}
