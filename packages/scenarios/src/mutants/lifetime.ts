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
  {
    name: 'lifetime/vcpu-id-checked-without-lock',
    says: 'Whether an id is taken is looked up without kvm->lock: two creations find it free.',
    off: ['lifetime.place_vcpu_alone'],
    against: ['lifetime/vcpu-id-given-twice'],
    expect: { caught: 'lifetime/vcpu-id-given-twice', always: 'one gets the vCPU, the other -EEXIST' },
  },
  {
    name: 'lifetime/vcpu-placed-without-lock',
    says: 'The place of a new vCPU is chosen without kvm->lock: two creations choose the same.',
    off: ['lifetime.place_vcpu_alone'],
    against: ['lifetime/vcpu-replaced-by-another'],
    expect: { caught: 'lifetime/vcpu-replaced-by-another', always: 'both are among those of the VM' },
  },
  {
    name: 'lifetime/vm-reference-taken-by-read-and-write',
    says: 'A reference to a VM is taken by a read and a write: that of another user is lost, and the VM goes too early.',
    off: ['lifetime.get_vm'],
    against: ['lifetime/vm-reference-lost'],
    expect: { caught: 'lifetime/vm-reference-lost', always: 'nothing is used that was freed' },
  },
  {
    name: 'lifetime/vm-reference-put-by-read-and-write',
    says: 'A reference to a VM is put by a read and a write: that of another user is not counted, and the VM stays.',
    off: ['lifetime.put_vm'],
    against: ['lifetime/vm-reference-lost'],
    expect: { caught: 'lifetime/vm-reference-lost', always: 'the VM lets go of the address space' },
  },
  {
    name: 'lifetime/other-mm-let-in',
    says: 'A child with an mm of its own runs the VM: no notifier tells of changes to its memory.',
    off: ['lifetime.check_mm'],
    against: ['lifetime/child-runs-its-parents-vm'],
    expect: {
      caught: 'lifetime/child-runs-its-parents-vm',
      always: 'the guest uses no frame that was freed',
    },
  },
  {
    name: 'lifetime/device-file-before-reference',
    says: 'The file of a device is there before its reference: a close in between puts the one of the VM.',
    variant: 'lifetime-device-file-before-reference',
    against: ['lifetime/device-closed-before-it-is-created'],
    expect: {
      caught: 'lifetime/device-closed-before-it-is-created',
      always: 'nothing is used that was freed',
    },
  },
  {
    name: 'lifetime/vcpu-file-without-its-mutex',
    says: 'The file of a vCPU is there before the vCPU is counted, and nothing keeps KVM_RUN out meanwhile.',
    off: ['lifetime.publish_vcpu_under_its_mutex'],
    against: ['lifetime/vcpu-run-before-it-is-online'],
    expect: { caught: 'lifetime/vcpu-run-before-it-is-online', always: 'a vCPU that runs is online' },
  },
  {
    name: 'lifetime/begin-counted-for-ever',
    says: 'The VM waits for the end of an invalidation that went to nobody.',
    off: ['lifetime.reset_dangling_count'],
    against: ['lifetime/invalidation-ends-unheard'],
    expect: { caught: 'lifetime/invalidation-ends-unheard', always: 'the VM comes to its end' },
  },
  {
    name: 'lifetime/callbacks-not-waited-for',
    says: 'The notifier is off the list, and a callback that began before goes on in a VM that is freed.',
    off: ['lifetime.wait_for_callbacks'],
    against: ['lifetime/invalidation-ends-unheard'],
    expect: { caught: 'lifetime/invalidation-ends-unheard', always: 'nothing is used that was freed' },
  },
  {
    name: 'lifetime/notifier-stays',
    says: 'The VM is freed, and its notifier stays on the list of the address space.',
    off: ['lifetime.unregister_notifier'],
    against: ['lifetime/invalidation-ends-unheard'],
    expect: { caught: 'lifetime/invalidation-ends-unheard', always: 'nothing is used that was freed' },
  },
  {
    name: 'lifetime/mappings-used-at-the-end',
    says: 'The end of a VM counts on the mappings of its process, which went before.',
    variant: 'lifetime-mappings-used-at-the-end',
    against: ['lifetime/killed-while-a-vcpu-runs'],
    expect: { caught: 'lifetime/killed-while-a-vcpu-runs', always: 'no table is walked that is gone' },
  },
  {
    name: 'lifetime/mappings-go-with-the-first-task',
    says: 'The first task that ends takes the mappings down: another one runs a vCPU.',
    variant: 'lifetime-first-task-ends-the-mm',
    against: ['lifetime/killed-while-a-vcpu-runs'],
    expect: { caught: 'lifetime/killed-while-a-vcpu-runs', always: 'no table is walked that is gone' },
  },
  {
    name: 'lifetime/vm-is-a-user-of-the-mm',
    says: 'The VM keeps the mappings, one of the mappings keeps the VM: neither goes when all tasks have ended.',
    variant: 'lifetime-vm-is-a-user-of-the-mm',
    against: ['lifetime/memory-never-freed'],
    expect: {
      caught: 'lifetime/memory-never-freed',
      always: 'the memory is given back when all tasks have ended',
    },
  },
  {
    name: 'lifetime/aging-while-the-process-ends',
    says: 'Aging does not look at pgd while the process of the VM ends.',
    off: ['arm64.check_pgd_before_aging'],
    against: ['lifetime/vm-used-while-its-process-ends'],
    expect: { caught: 'lifetime/vm-used-while-its-process-ends', always: 'no table is walked that is gone' },
  },
];
