import { gfn } from '@faultline/kvm';
import { writeGuest } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { copiedOrLogged, type DirtyVm, dirtyVm, harvestAndCopy } from '../vm/dirty-vm.ts';

/**
 * KVM itself writes guest memory when it emulates an instruction, or updates a clock that the guest reads. Such a write goes
 * past the page tables, and is logged by hand, after it was made, on behalf of the vCPU whose thread makes it.
 */
export const emulatedWriteMissed = scenario('dirty/emulated-write-missed', {
  title: 'KVM writes a page itself, and no harvest says so',
  source: 'kvm_vcpu_write_guest, mark_page_dirty_in_slot',
  size: '1 vCPU, 2 writes by KVM, 1 harvest, 1 page',
  defends: [],
  *setup() {
    return yield* dirtyVm();
  },
  threads: {
    *vcpu0({ vcpu }: DirtyVm) {
      yield* writeGuest(vcpu, gfn(0), 7n);
      yield* writeGuest(vcpu, gfn(0), 8n);
    },
    *migration(vm: DirtyVm) {
      return yield* harvestAndCopy(vm);
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
      copiedOrLogged(results.migration.copied, vm),
  },
  sometimes: {
    'the copy has a write that is logged only later': ({ results }) =>
      !results.migration.dirty || results.migration.copied === 8n,
    'the harvest has the page': ({ results }) => results.migration.dirty,
  },
});
