/** What the locks of stage-2 tables keep apart besides their end: two ioctls, and the host that takes pages away. */
import { gfn } from '@faultline/kvm';
import {
  type ArmVm,
  armGetDirtyLog,
  createArmVm,
  handleGuestAbort,
  referenced,
  setRegion,
  tryToUnmap,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';

const SAFE = 'no table is walked that is gone';

/** Page 0 was written, and has been aged since: its next use is a fault. */
function* agedPage(logging = false): Task<ArmVm> {
  const slots = [{ id: 0, baseGfn: 0, npages: 1, page: 0, logging }];
  const vm = createArmVm({ levels: 2, vcpus: 1, slots });
  yield* handleGuestAbort(vm.kvm, vm.mm, { gfn: gfn(0), write: true, accessFlag: false });
  if (!logging) yield* referenced(vm.mm, 0);
  return vm;
}

/** An access fault sets a flag in an entry, and the host takes the page away: with its last entry a table is freed. */
export const accessFaultInFreedTable = scenario('arm64/access-fault-in-a-freed-table', {
  title: 'an access fault walks a table that the host has just emptied, and that is gone',
  source: 'handle_access_fault, unmap_stage2_range',
  size: '1 access fault, 1 page taken away, tables of 2 levels',
  defends: ['arm64.access_fault_holds_mmu_lock'],
  *setup() {
    return yield* agedPage();
  },
  threads: {
    *vcpu0({ kvm, mm }: ArmVm) {
      return yield* handleGuestAbort(kvm, mm, { gfn: gfn(0), write: false, accessFlag: true });
    },
    *host({ mm }: ArmVm) {
      yield* tryToUnmap(mm, 0, 1);
    },
  },
  always: { [SAFE]: never('use after free') },
  sometimes: { 'the guest goes on': ({ results }) => results.vcpu0 === 0 },
});

/** The log is taken, which protects the pages that it names, and the host takes one of them away. */
export const harvestInFreedTable = scenario('arm64/harvest-in-a-freed-table', {
  title: 'a harvest of the dirty log walks a table that the host has just emptied, and that is gone',
  source: 'kvm_get_dirty_log_protect, unmap_stage2_range',
  size: '1 harvest, 1 page taken away, tables of 2 levels',
  defends: ['arm64.harvest_holds_mmu_lock'],
  *setup() {
    return yield* agedPage(true);
  },
  threads: {
    *vmm({ kvm }: ArmVm) {
      return yield* armGetDirtyLog(kvm, 0);
    },
    *host({ mm }: ArmVm) {
      yield* tryToUnmap(mm, 0, 1);
    },
  },
  always: { [SAFE]: never('use after free') },
  sometimes: { 'the page is in the log': ({ results }) => results.vmm === 1 },
});

/** Two slots are made at once. The array is copied, changed and replaced: whoever copies must see what the other has added. */
export const slotForgotten = scenario('arm64/slot-forgotten', {
  title: 'a slot that was made is not there, because another one was made at the same time',
  source: '__kvm_set_memory_region',
  size: '2 KVM_SET_USER_MEMORY_REGION for two slots',
  defends: ['arm64.replace_slots_alone'],
  *setup(): Task<ArmVm> {
    return createArmVm({ levels: 2, vcpus: 1, pages: 4, slots: [] });
  },
  threads: {
    *one({ kvm }: ArmVm) {
      return yield* setRegion(kvm, { id: 0, baseGfn: 0, npages: 1, page: 0 });
    },
    *other({ kvm }: ArmVm) {
      return yield* setRegion(kvm, { id: 1, baseGfn: 1, npages: 1, page: 1 });
    },
  },
  always: {
    'no array is used that was replaced': never('use after free'),
  },
  sometimes: { 'both are made': ({ results }) => results.one === 0 && results.other === 0 },
});

/** The log is taken while another slot is made: the array that the harvest looks in is the one that is replaced and freed. */
export const harvestInReplacedSlots = scenario('arm64/harvest-in-replaced-slots', {
  title: 'a harvest of the dirty log goes by slots that were replaced and freed',
  source: 'kvm_get_dirty_log_protect',
  size: '1 harvest, 1 KVM_SET_USER_MEMORY_REGION for another slot',
  defends: ['arm64.harvest_holds_slots_lock'],
  *setup(): Task<ArmVm> {
    const slots = [{ id: 0, baseGfn: 0, npages: 1, page: 0, logging: true }];
    return createArmVm({ levels: 2, vcpus: 1, pages: 4, slots });
  },
  threads: {
    *vmm({ kvm }: ArmVm) {
      return yield* armGetDirtyLog(kvm, 0);
    },
    *other({ kvm }: ArmVm) {
      return yield* setRegion(kvm, { id: 1, baseGfn: 1, npages: 1, page: 1 });
    },
  },
  always: { 'no array is used that was replaced': never('use after free') },
  sometimes: { 'the slot is made': ({ results }) => results.other === 0 },
});
