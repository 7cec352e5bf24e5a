import { gfn } from '@faultline/kvm';
import {
  type ArmVm,
  allocProcess,
  allocUserMm,
  closeFd,
  createArmVm,
  doExit,
  handleGuestAbort,
  type Process,
  shareFile,
} from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';

interface Ends extends ArmVm {
  readonly other: Process;
}

/**
 * The process that made the VM ends while another one closes the last descriptor: the release notifier runs from both ends at the
 * same time, and each of them drops mmu_lock on its way through the tables.
 */
export const freedTwice = scenario('arm64/tables-freed-twice', {
  title: 'exit_mmap() and the last close free the tables at the same time',
  source: '8b3405e345b5 ("kvm: arm/arm64: Fix locking for kvm_free_stage2_pgd")',
  size: '2 processes with 1 file of the VM, tables of 2 levels, mmu_lock dropped anywhere between entries of the pgd',
  defends: ['arm64.stop_at_freed_pgd', 'arm64.lock_free'],
  claims: [
    {
      seed: '004.14',
      says: 'Stage-2 tables are freed only by the release notifier, reached in two ways',
      verdict: 'holds',
    },
    {
      seed: '004.15',
      says: 'They are freed under mmu_lock, which is dropped now and then',
      verdict: 'holds',
    },
  ],
  *setup() {
    const vm = createArmVm({ levels: 2, pages: 3, mayYield: true });
    const other = allocProcess(allocUserMm(vm.frames, 1, 1, 14), 1);
    shareFile(other, 0, vm.file);
    for (const at of [0, 2]) {
      yield* handleGuestAbort(vm.kvm, vm.mm, { gfn: gfn(at), write: true, accessFlag: false });
    }
    // The other process has the only one.
    yield* closeFd(vm.process, 0);
    return { ...vm, other };
  },
  threads: {
    *exit({ process }: Ends) {
      yield* doExit(process);
      return true;
    },
    *close({ other }: Ends) {
      yield* closeFd(other, 0);
      return true;
    },
  },
  always: {
    'nothing is used that was freed': never('use after free'),
    'tables change under mmu_lock': never('wrong guard'),
  },
  sometimes: { 'both come to their end': ({ results: { exit, close } }) => exit === true && close === true },
});
