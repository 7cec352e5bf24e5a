import { gfn, pfn } from '@faultline/kvm';
import {
  type ArmVcpu,
  type ArmVm,
  type ArmVmOptions,
  armAccess,
  armGetDirtyLog,
  createArmVm,
  handleGuestAbort,
  ksmReplaceAlone,
  setRegion,
  tryToUnmap,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';

const FREED = 'the guest uses no frame that was freed, and no table';
const ALIVE = 'nothing is used that was freed';

const vcpuOf = ({ kvm }: ArmVm, id: number): ArmVcpu => kvm.vcpus.get(id) as ArmVcpu;

/** One instruction of the guest: an access, or as many faults as come before. False if user space has nothing there. */
export function* instruction(vm: ArmVm, id: number, page: number, value: bigint | null): Task<boolean> {
  const vcpu = vcpuOf(vm, id);
  for (let tries = 0; tries < 3; tries++) {
    const { abort } = yield* armAccess(vcpu, gfn(page), value);
    if (abort === null) return true;
    if ((yield* handleGuestAbort(vm.kvm, vm.mm, abort)) !== 0) return false;
  }
  return false;
}

function* vmWith(
  options: ArmVmOptions,
  mapped: readonly (readonly [vcpu: number, write: boolean])[],
): Task<ArmVm> {
  const vm = createArmVm({ levels: 2, ...options });
  for (const [vcpu, write] of mapped) yield* instruction(vm, vcpu, 0, write ? 1n : null);
  return vm;
}

/** The host takes page 0 away. The guest's hardware walks the same tables, and its vCPU maps the page, or has it in its TLB. */
function unmapped(name: string, mapped: boolean, title: string, defends: readonly string[]) {
  return scenario(name, {
    title,
    source: 'user_mem_abort, kvm_unmap_hva_range, 4.13',
    size: `1 vCPU, 2 accesses, 1 page that is ${mapped ? 'in its TLB' : 'not mapped'}, 1 unmapping, tables of 2 levels`,
    defends,
    *setup() {
      const vm = yield* vmWith({ vcpus: 1 }, mapped ? [[0, true]] : []);
      // So that the table stays.
      if (mapped) yield* instruction(vm, 0, 1, 1n);
      return vm;
    },
    threads: {
      *vcpu0(vm: ArmVm) {
        const first = mapped || (yield* instruction(vm, 0, 0, 7n));
        const { abort } = yield* armAccess(vcpuOf(vm, 0), gfn(0), 8n);
        return { first, second: abort === null };
      },
      *host({ mm }: ArmVm) {
        yield* tryToUnmap(mm, 0, 1);
      },
    },
    always: mapped
      ? { [FREED]: never('BUG') }
      : {
          [FREED]: never('BUG'),
          [ALIVE]: never('use after free'),
        },
    sometimes: {
      'the page is there both times': ({ results: { vcpu0 } }) => vcpu0.second,
      'it goes in between': ({ results: { vcpu0 } }) => vcpu0.first && !vcpu0.second,
    },
  });
}

export const faultedFrameUsed = unmapped(
  'arm64/faulted-frame-used',
  false,
  'a fault maps a page that the host takes away',
  [
    'arm64.retry_if_invalidated',
    'arm64.count_invalidation',
    'arm64.bump_notifier_seq',
    'arm64.flush_before_free',
  ],
);
export const unmappedFrameUsed = unmapped(
  'arm64/unmapped-frame-used',
  true,
  'the host takes a page away, and the guest goes on using its frame',
  ['arm64.flush_unmapped'],
);

/** The kernel up to 3.6 changed a page's frame with nothing but change_pte: the entry goes from one frame to another. */
export const oldFrameUsed = scenario('arm64/old-frame-used', {
  title: 'a page gets another frame, and the guest goes on using the one that it had',
  source: 'kvm_set_spte_hva, with change_pte alone as up to 3.6',
  size: '1 vCPU that has the page in its TLB, 1 page merged, tables of 2 levels',
  defends: ['arm64.break_before_make'],
  *setup() {
    return yield* vmWith({ vcpus: 1 }, [[0, true]]);
  },
  threads: {
    *vcpu0(vm: ArmVm) {
      return yield* instruction(vm, 0, 0, null);
    },
    *host({ mm }: ArmVm) {
      yield* ksmReplaceAlone(mm, 0, pfn(12));
    },
  },
  always: { [FREED]: never('BUG') },
  sometimes: { 'the guest reads': ({ results }) => results.vcpu0 },
});

/** Logging starts on a block that a vCPU has in its TLB; another vCPU's write replaces it by pages. */
export const blockAndPage = scenario('arm64/block-and-page-in-one-tlb', {
  title: 'a block is replaced by pages, and a TLB keeps both',
  source: 'stage2_dissolve_pmd, stage2_set_pte, 4.13',
  size: '2 vCPUs, 1 block of 2 pages that is write-protected, 1 write each, tables of 2 levels',
  defends: ['arm64.flush_dissolved', 'arm64.dissolve_block', 'arm64.publish_table'],
  *setup() {
    const vm = yield* vmWith({ vcpus: 2, hugePages: true }, [[0, true]]);
    yield* setRegion(vm.kvm, { id: 0, baseGfn: 0, npages: 2, page: 0, logging: true });
    // As the slot is now there twice, the old one went.
    yield* instruction(vm, 0, 0, null);
    return vm;
  },
  threads: {
    *vcpu0(vm: ArmVm) {
      yield* instruction(vm, 0, 0, 5n);
      return yield* instruction(vm, 0, 0, null);
    },
    *vcpu1(vm: ArmVm) {
      return yield* instruction(vm, 1, 0, 6n);
    },
  },
  always: {
    'no TLB has two answers': never('BUG'),
    'a table is complete before it is found': never('data race'),
  },
  sometimes: { 'both have written': ({ results: { vcpu0, vcpu1 } }) => vcpu0 && vcpu1 },
});

const contentOf = (vm: ArmVm): bigint => vm.frames.frame.at(0).content.peek();

/** User space copies what the log names after the ioctl has returned. */
export const writeNotLogged = scenario('arm64/write-not-logged', {
  title: 'the dirty log is taken, and a write after that is in no log',
  source: 'kvm_vm_ioctl_get_dirty_log, kvm_mmu_wp_memory_region, 4.13',
  size: '1 vCPU with 2 writes, 1 page that is written, 1 log, tables of 2 levels',
  defends: ['arm64.flush_log'],
  *setup() {
    const slots = [{ id: 0, baseGfn: 0, npages: 2, page: 0, logging: true }];
    return yield* vmWith({ vcpus: 1, slots }, [[0, true]]);
  },
  threads: {
    *vcpu0(vm: ArmVm) {
      yield* instruction(vm, 0, 0, 2n);
      yield* instruction(vm, 0, 0, 3n);
    },
    *vmm(vm: ArmVm) {
      const log = yield* armGetDirtyLog(vm.kvm, 0);
      return { log, copy: yield* vm.frames.frame.at(0).content.readOnce() };
    },
  },
  always: {
    'what was copied is what is there, or the next log says so': ({ results: { vmm } }, vm) =>
      vmm.copy === contentOf(vm) || (vm.kvm.dirty.at(0).peek() & 1) !== 0,
  },
  sometimes: {
    'a write comes after the log': (_, vm) => (vm.kvm.dirty.at(0).peek() & 1) !== 0,
    'none does': (_, vm) => (vm.kvm.dirty.at(0).peek() & 1) === 0,
  },
});

/** Logging starts while the guest writes what was writable until then. */
export const loggingStarts = scenario('arm64/write-missed-as-logging-starts', {
  title: 'logging of a slot starts, and a write after the ioctl is in no log',
  source: 'kvm_mmu_wp_memory_region, 4.13',
  size: '1 vCPU with 2 writes, 1 page that is not mapped, 1 slot that gets a log, tables of 2 levels',
  defends: ['arm64.flush_protected', 'arm64.wait_for_faults'],
  *setup() {
    return yield* vmWith({ vcpus: 1 }, []);
  },
  threads: {
    *vcpu0(vm: ArmVm) {
      yield* instruction(vm, 0, 0, 2n);
      yield* instruction(vm, 0, 0, 3n);
    },
    *vmm(vm: ArmVm) {
      yield* setRegion(vm.kvm, { id: 0, baseGfn: 0, npages: 2, page: 0, logging: true });
      return { copy: yield* vm.frames.frame.at(0).content.readOnce() };
    },
  },
  always: {
    'what was copied is what is there, or the log says so': ({ results: { vmm } }, vm) =>
      vmm.copy === contentOf(vm) || (vm.kvm.dirty.at(0).peek() & 1) !== 0,
    [ALIVE]: never('use after free'),
  },
  sometimes: { 'a write is logged': (_, vm) => (vm.kvm.dirty.at(0).peek() & 1) !== 0 },
});
