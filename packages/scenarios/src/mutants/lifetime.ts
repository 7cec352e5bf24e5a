import type { Mutant } from '../mutant.ts';

/** Changes to the order in which VMs and vCPUs come and go. */
export const lifetimeMutants: readonly Mutant[] = [
  {
    name: 'lifetime/vcpu-counted-first',
    says: 'online_vcpus is raised before the vCPU is stored: a reader finds NULL below the count.',
    variant: 'lifetime-count-before-store',
    against: ['lifetime/vcpu-counted-before-it-is-there'],
    expect: { caught: 'lifetime/vcpu-counted-before-it-is-there', always: 'a vCPU that is counted is found' },
  },
  {
    name: 'lifetime/vcpu-counted-without-release',
    says: 'The count is raised by a plain store: a reader may see the count before the vCPU is filled in.',
    off: ['lifetime.publish_vcpu'],
    against: ['lifetime/vcpu-counted-before-it-is-there'],
    expect: {
      caught: 'lifetime/vcpu-counted-before-it-is-there',
      always: 'a vCPU that is found is complete',
    },
  },
];
