/** The ways into the stage-2 tables that the audit of 2017 lists, each with whoever enters that way. */
import { gfn, type Pfn, pfn } from '@faultline/kvm';
import {
  type ArmVm,
  type ArmVmOptions,
  handleGuestAbort,
  isYoung,
  ksmReplace,
  referenced,
  setRegion,
  tryToUnmap,
  vgicMapResources,
} from '@faultline/kvm/seams';
import type { Task } from '@faultline/machine';

/** 'ioctl': a task of the VM's process, inside KVM_RUN or an ioctl of the VM; 'notifier': the host, on any CPU. */
export type Context = 'ioctl' | 'notifier';

export interface AuditPath {
  /** First part of the scenario's name. */
  readonly name: string;
  readonly path: string;
  readonly context: Context;
  readonly vm?: ArmVmOptions;
  /** What is done, once. */
  drive(vm: ArmVm): Task<unknown>;
  /** Checks that only this path defends. */
  readonly defends?: readonly string[];
}

const DEVICE = 10 as Pfn;
const SHARED = 12 as Pfn;

/** Pages on both sides of a border between two entries of the pgd. */
const ACROSS: ArmVmOptions = { levels: 2, pages: 3, mayYield: true };

export const AUDIT_PATHS: readonly AuditPath[] = [
  {
    name: 'huge-fault',
    path: 'user_mem_abort -> stage2_set_pmd_huge -> stage2_get_pmd',
    context: 'ioctl',
    vm: { hugePages: true },
    *drive({ kvm, mm }) {
      return yield* handleGuestAbort(kvm, mm, { gfn: gfn(0), write: true, accessFlag: false });
    },
  },
  {
    name: 'fault',
    path: 'user_mem_abort -> stage2_set_pte -> stage2_get_pmd',
    context: 'ioctl',
    *drive({ kvm, mm }) {
      return yield* handleGuestAbort(kvm, mm, { gfn: gfn(1), write: true, accessFlag: false });
    },
  },
  {
    name: 'access-fault',
    path: 'handle_access_fault -> stage2_get_pmd',
    context: 'ioctl',
    *drive({ kvm, mm }) {
      return yield* handleGuestAbort(kvm, mm, { gfn: gfn(0), write: false, accessFlag: true });
    },
  },
  {
    name: 'vgic-mapping',
    path: 'kvm_phys_addr_ioremap, by vgic_v2_map_resources',
    context: 'ioctl',
    *drive({ kvm }) {
      return yield* vgicMapResources(kvm, gfn(6), DEVICE);
    },
  },
  {
    name: 'device-slot',
    path: 'kvm_phys_addr_ioremap, by kvm_arch_prepare_memory_region',
    context: 'ioctl',
    *drive({ kvm }) {
      return yield* setRegion(kvm, { id: 1, baseGfn: 6, npages: 1, page: 6, device: DEVICE });
    },
  },
  {
    name: 'slot-deletion',
    defends: ['arm64.stop_at_freed_pgd'],
    path: 'unmap_stage2_range, by kvm_arch_flush_shadow_memslot',
    context: 'ioctl',
    vm: {
      ...ACROSS,
      pages: 4,
      slots: [
        { id: 0, baseGfn: 0, npages: 3, page: 0 },
        { id: 1, baseGfn: 3, npages: 1, page: 3 },
      ],
    },
    *drive({ kvm }) {
      const result = yield* setRegion(kvm, { id: 0, baseGfn: 0, npages: 0, page: 0 });
      // Somebody else was first.
      if (result === 0) return result;
      return yield* setRegion(kvm, { id: 1, baseGfn: 0, npages: 0, page: 0 });
    },
  },
  {
    name: 'logging-start',
    defends: ['arm64.stop_protecting_at_freed_pgd'],
    path: 'stage2_wp_range, by kvm_mmu_wp_memory_region',
    context: 'ioctl',
    vm: ACROSS,
    *drive({ kvm }) {
      return yield* setRegion(kvm, { id: 0, baseGfn: 0, npages: 3, page: 0, logging: true });
    },
  },
  {
    name: 'changed-pte',
    path: 'kvm_set_spte_handler -> stage2_set_pte -> stage2_get_pmd',
    context: 'notifier',
    defends: ['arm64.check_pgd_before_changing'],
    *drive({ mm }) {
      yield* ksmReplace(mm, 0, pfn(SHARED));
    },
  },
  {
    name: 'age',
    path: 'kvm_age_hva_handler -> stage2_get_pmd',
    context: 'notifier',
    defends: ['arm64.check_pgd_before_aging'],
    *drive({ mm }) {
      return yield* referenced(mm, 0);
    },
  },
  {
    name: 'look',
    path: 'kvm_test_age_hva_handler -> stage2_get_pmd',
    context: 'notifier',
    defends: ['arm64.check_pgd_before_looking'],
    *drive({ mm }) {
      return yield* isYoung(mm, 0);
    },
  },
  {
    name: 'unmap',
    defends: ['arm64.check_pgd_before_unmapping', 'arm64.stop_at_freed_pgd'],
    path: 'unmap_stage2_range, by kvm_unmap_hva_range',
    context: 'notifier',
    vm: ACROSS,
    *drive({ mm }) {
      yield* tryToUnmap(mm, 0, 3);
    },
  },
];
