/** Changes to level-triggered irqfds. */
import type { Mutant } from '../mutant.ts';

const SHARED = 'locks/irqfd-freed-under-a-resample';
const JOINS = 'locks/resampler-ends-as-an-irqfd-joins';

export const resamplerMutants: readonly Mutant[] = [
  {
    name: 'locks/resample-not-waited-for',
    says: 'An irqfd is freed while an acknowledgement stands on it.',
    off: ['locks.resampler_waits_for_acks'],
    against: [SHARED],
    expect: { caught: SHARED, always: 'no irqfd is told after it was freed' },
  },
  {
    name: 'locks/resamplers-not-serialized',
    says: 'Irqfds come to a line and leave it without resampler_lock.',
    off: ['locks.serialize_resamplers'],
    against: [JOINS],
    expect: { caught: JOINS, always: 'the list changes under resampler_lock' },
  },
  {
    name: 'locks/resampler-lock-dropped-before-joining',
    says: 'An irqfd finds its resampler, and joins it when it is freed.',
    variant: 'irq-resampler-lock-dropped-before-joining',
    against: [JOINS],
    expect: { caught: JOINS, always: 'no resampler is used after it was freed' },
  },
  {
    name: 'locks/resampler-ended-without-looking',
    says: 'One of two irqfds goes and takes their resampler along: the other is not told any more.',
    variant: 'irq-resampler-ended-without-looking',
    against: [SHARED],
    expect: { caught: SHARED, always: 'the one that stays is told' },
  },
  {
    name: 'locks/resampler-ended-under-a-new-irqfd',
    says: 'The same for an irqfd that has just come.',
    variant: 'irq-resampler-ended-without-looking',
    against: [JOINS],
    expect: { caught: JOINS, always: 'the one that came is told' },
  },
  {
    name: 'locks/resample-told-before-line-falls',
    says: 'A device raises its line, which is still up, and then it is lowered.',
    variant: 'irq-resample-told-before-line-falls',
    against: ['locks/level-of-a-line-lost'],
    expect: {
      caught: 'locks/level-of-a-line-lost',
      always: 'the line of a device that wants attention is up',
    },
  },
  {
    name: 'locks/ack-takes-resampler-lock',
    says: 'An acknowledgement takes resampler_lock inside irq_srcu, for which its holder waits.',
    variant: 'irq-ack-takes-resampler-lock',
    against: [SHARED],
    expect: {
      caught: SHARED,
      rule: 'not-inside kvm->irqfds.resampler_lock @ kvm->irq_srcu',
      ends: 'deadlock',
    },
  },
  {
    name: 'locks/resampler-lock-inside-irq-lock',
    says: 'An irqfd that comes takes resampler_lock inside irq_lock; one that goes takes them the other way round.',
    variant: 'irq-resampler-lock-inside-irq-lock',
    against: [JOINS],
    expect: { caught: JOINS, rule: 'order kvm->irqfds.resampler_lock > kvm->irq_lock', ends: 'deadlock' },
  },
];
