import { guestRead, guestWrite } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { clearDirtyBit } from '../vm/aging-vm.ts';
import { copiedOrLogged, type DirtyVm, dirtyVm, harvestAndCopy, hostKnows } from '../vm/dirty-vm.ts';
import { GPA0 } from '../vm/mmu-vm.ts';

/**
 * With a page-modification log pages stay writable: the hardware notes a page when it sets its Dirty bit. A harvest makes
 * the vCPUs hand over what they noted, clears the bits, and flushes, because a translation that is dirty already lets
 * writes through unnoted.
 */
export const hardwareLogMissed = scenario('dirty/hardware-log-missed', {
  title: 'what the hardware noted is not in the harvest, or a write is not noted',
  source: 'clear_dirty_pt_masked, vmx_flush_pml_buffer',
  size: '1 vCPU, 2 writes, 1 harvest, 1 page, tables of 1 level, log of 2 entries',
  defends: [
    'dirty.sync_hardware_log',
    'dirty.clear_dirty_andnot',
    'dirty.report_cleared_dirty',
    'dirty.flush_before_user_space',
    'dirty.protect_logged_pages',
  ],
  *setup() {
    const vm = yield* dirtyVm({ mmu: { pml: 2 } });
    yield* guestRead(vm.vcpu, GPA0);
    clearDirtyBit(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu, progress }: DirtyVm) {
      yield* guestWrite(vcpu, GPA0, 7n);
      yield* progress.writes.storeRelease(1);
      yield* guestWrite(vcpu, GPA0, 8n);
    },
    *migration(vm: DirtyVm) {
      const first = yield* harvestAndCopy(vm);
      const second = yield* harvestAndCopy(vm);
      return { ...second, copied: second.dirty ? second.copied : first.copied };
    },
  },
  always: {
    'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
      copiedOrLogged(results.migration.copied, vm),
    'a write that ended before the harvest began has been copied': ({ results: { migration } }) =>
      migration.before === 0 || migration.copied >= 7n,
    'the host can still tell that the page was written': (_, vm) => hostKnows(vm),
  },
  sometimes: {
    'the second harvest has the page': ({ results }) => results.migration.dirty,
    'the second harvest is empty': ({ results }) => !results.migration.dirty,
  },
});
