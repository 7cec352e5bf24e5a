import { setUserMemoryRegion } from '@faultline/kvm';
import { idToMemslot } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { GFN, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * Seed 002, the diagram of its commit message, row 2 as printed: the exit leaves its read section
 * (`srcu_read_unlock`), and only then decides and caches. Then nothing makes the updater wait for it, both bumps can
 * happen between the decision and the tag, and the stale decision carries the final generation. The patch does not
 * help there; it does not have to, because the real exit is still inside its section at that point. The row is a slip.
 */
export const decisionOutsideReadSection = scenario('memslots/decision-outside-read-section', {
  title: 'row 2 of the diagram as printed: the decision is made outside the read section',
  source: 'seed 002, diagram row 2',
  size: '1 vCPU, 1 decision, 1 update, both bumps in place, form of 2014',
  expect: 'violated',
  claims: [
    {
      seed: '002.7',
      says: 'the exit has left its read section when it decides',
      verdict: 'wrong',
      but: 'with both bumps the race is still there if the decision is made outside the section; row 2 should read srcu_read_lock',
    },
  ],
  defends: [],
  *setup() {
    return yield* smallVm({ form: '2014' });
  },
  threads: {
    *vcpu0({ kvm }: SmallVm) {
      const idx = yield* kvm.srcu.readLock();
      const old = yield* kvm.memslots.at(0).rcuDereference();
      const isMmio = idToMemslot(old as NonNullable<typeof old>, 0) === null;
      yield* kvm.srcu.readUnlock(idx);
      const again = yield* kvm.srcu.readLock();
      const slots = yield* kvm.memslots.at(0).rcuDereference();
      const tag = yield* (slots as NonNullable<typeof slots>).generation.readOnce();
      yield* kvm.srcu.readUnlock(again);
      return { isMmio, tag };
    },
    *ioctl({ kvm }: SmallVm) {
      return yield* setUserMemoryRegion(kvm, region(GFN, 1));
    },
  },
  always: {
    'a decision from the old slots never carries the final generation': ({ results: { vcpu0 } }) =>
      !(vcpu0.isMmio && vcpu0.tag === 2),
  },
  sometimes: {
    'the tag is the transient generation': ({ results: { vcpu0 } }) => vcpu0.tag === 1,
  },
});
