import type { Mutant } from '../mutant.ts';

const AFTER_RETURN = 'an access that starts after the ioctl returned goes to RAM';
const AFTER_VISIBLE = 'an access that starts after the new slots are visible goes to RAM';

/** Changes to MMIO caching and to KVM_RUN's completions. */
export const mmioMutants: readonly Mutant[] = [
  {
    name: 'mmio/run-without-vcpu-mutex',
    says: 'KVM_RUN does not take vcpu->mutex: two threads of the VMM carry out the same instruction.',
    off: ['mmio.run_holds_vcpu_mutex'],
    against: ['mmio/vcpu-run-twice-at-once'],
    expect: { caught: 'mmio/vcpu-run-twice-at-once', always: 'a run has the vCPU for itself' },
  },
  {
    name: 'mmio/transient-generation-cached',
    says: 'The vCPU cache takes a generation that is marked in progress: the decision hits until the update is over.',
    off: ['mmio.refuse_transient_generation'],
    against: ['mmio/cached-decision-after-publish'],
    expect: { caught: 'mmio/cached-decision-after-publish', always: AFTER_VISIBLE },
  },
  {
    name: 'mmio/transient-generation-trusted',
    says: 'The check of an MMIO SPTE ignores the mark, which the entry does not hold: what fitted before fits during the update.',
    off: ['mmio.distrust_transient_generation'],
    against: ['mmio/cached-decision-after-publish'],
    expect: { caught: 'mmio/cached-decision-after-publish', always: AFTER_VISIBLE },
  },
  {
    name: 'mmio/wrong-mask',
    says: 'The check compares too few bits of the generation: a stale entry fits.',
    variant: 'mmio-generation-mask-wrong',
    against: ['memslots/stale-mmio-decision'],
    expect: { caught: 'memslots/stale-mmio-decision', always: AFTER_RETURN },
  },
  {
    name: 'mmio/generation-not-truncated',
    says: 'The check compares the whole generation with its stored part: entries stop fitting once the count is large.',
    variant: 'mmio-generation-not-truncated',
    expect: { equivalent: 'an entry that never fits is decided anew: slow, and right' },
  },
  {
    name: 'mmio/always-stale',
    says: 'Every MMIO SPTE counts as stale.',
    variant: 'mmio-always-stale',
    expect: { equivalent: 'each access decides anew: slow, and right' },
  },
  {
    name: 'mmio/generations-shared-by-spaces',
    says: 'Two address spaces with the same generations: an answer cached in SMM is used outside.',
    variant: 'mmio-generations-shared-by-spaces',
    against: ['mmio/smm-answer-outside-smm'],
    expect: { caught: 'mmio/smm-answer-outside-smm', always: 'outside SMM the frame is RAM' },
  },
  {
    name: 'mmio/no-zap-on-wrap',
    says: 'Nothing is zapped when the stored generation wraps: an entry of long ago fits again.',
    off: ['mmio.invalidate_wrapped_sptes'],
    against: ['mmio/ancient-spte-after-wrap'],
    expect: { caught: 'mmio/ancient-spte-after-wrap', always: AFTER_RETURN },
  },
  {
    name: 'mmio/no-zap-on-wrap-of-2014',
    says: 'The same with the 20 bits of 2014.',
    off: ['mmio.invalidate_wrapped_sptes'],
    against: ['mmio/ancient-spte-after-wrap-of-2014'],
    expect: { caught: 'mmio/ancient-spte-after-wrap-of-2014', always: AFTER_RETURN },
  },
  {
    name: 'mmio/wrap-tested-for-largest',
    says: 'The older wrap test looks for the largest value, which two bumps step over.',
    variant: 'mmio-wrap-tested-for-largest',
    against: ['mmio/ancient-spte-after-wrap-of-2014'],
    expect: { caught: 'mmio/ancient-spte-after-wrap-of-2014', always: AFTER_RETURN },
  },
  {
    name: 'mmio/wrap-seen-in-first-space-only',
    says: 'The wrap test looks for 0, which no generation of the second address space ever truncates to.',
    variant: 'mmio-wrap-seen-in-first-space-only',
    against: ['mmio/ancient-spte-after-wrap-in-smm'],
    expect: {
      caught: 'mmio/ancient-spte-after-wrap-in-smm',
      always: 'an access in SMM that starts after the ioctl returned goes to RAM',
    },
  },
  {
    name: 'mmio/invalid-slot-mapped',
    says: 'A fault maps from an INVALID slot: the translation outlives the zap.',
    off: ['mmio.retry_invalid_slot'],
    against: ['memslots/moved-page-taken-for-mmio'],
    expect: {
      caught: 'memslots/moved-page-taken-for-mmio',
      always: 'an access that starts after the move reads the page that is there now',
    },
  },
  {
    name: 'mmio/invalid-slot-taken-for-none',
    says: 'A fault treats an INVALID slot as no slot: a frame that only moves is emulated as MMIO.',
    variant: 'mmio-invalid-slot-is-none',
    against: ['memslots/moved-page-taken-for-mmio'],
    expect: { caught: 'memslots/moved-page-taken-for-mmio', always: 'the frame is never taken for MMIO' },
  },
  {
    name: 'mmio/pending-completion-dropped',
    says: 'KVM_RUN looks at immediate_exit before it consumes what user space answered: the load never completes.',
    off: ['mmio.complete_pending_io'],
    against: ['mmio/pending-io-lost'],
    expect: {
      caught: 'mmio/pending-io-lost',
      always: 'the load has its value although the run was told to return at once',
    },
  },
  {
    name: 'mmio/fragment-repeated',
    says: 'The finished fragment of a split store is not stepped over: the device sees it twice.',
    off: ['mmio.skip_finished_fragment'],
    against: ['mmio/pending-io-lost'],
    expect: { caught: 'mmio/pending-io-lost', always: 'each part of the store happens once' },
  },
];
