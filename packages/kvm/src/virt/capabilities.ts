/**
 * KVM_CHECK_EXTENSION: what there is, and how much of it.
 */
import { DirtyGfn, KVM_DIRTY_RING_MAX_ENTRIES } from './dirty-ring-state.ts';
import { KVM_MAX_VCPU_IDS, type Kvm } from './kvm.ts';

/** Those that the model decides. @kernel KVM_CAP_* include/uapi/linux/kvm.h */
export const Cap = {
  USER_MEMORY: 3,
  SET_TSS_ADDR: 4,
  NR_MEMSLOTS: 10,
  COALESCED_MMIO: 15,
  SYNC_MMU: 16,
  DESTROY_MEMORY_REGION_WORKS: 21,
  JOIN_MEMORY_REGIONS_WORKS: 30,
  IOEVENTFD: 36,
  SET_IDENTITY_MAP_ADDR: 37,
  MAX_VCPUS: 66,
  READONLY_MEM: 81,
  ENABLE_CAP_VM: 98,
  IOEVENTFD_NO_LENGTH: 100,
  CHECK_EXTENSION_VM: 105,
  MULTI_ADDRESS_SPACE: 118,
  IOEVENTFD_ANY_LENGTH: 122,
  MAX_VCPU_ID: 128,
  IMMEDIATE_EXIT: 136,
  COALESCED_PIO: 162,
  /** Without protection by hand that can begin with all bits set: older than the model. */
  MANUAL_DIRTY_LOG_PROTECT: 166,
  MANUAL_DIRTY_LOG_PROTECT2: 168,
  DIRTY_LOG_RING: 192,
  DIRTY_LOG_RING_ACQ_REL: 223,
  DIRTY_LOG_RING_WITH_BITMAP: 225,
} as const;

/** Bits of the argument of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2. */
export const KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE = 1 << 0;
export const KVM_DIRTY_LOG_INITIALLY_SET = 1 << 1;

/** Pages of the kvm_run mapping before the ring of coalesced accesses. @kernel KVM_COALESCED_MMIO_PAGE_OFFSET */
const COALESCED_MMIO_PAGE_OFFSET = 2;

/** There, and nothing more to say. */
const PRESENT: ReadonlySet<number> = new Set([
  Cap.USER_MEMORY,
  Cap.SET_TSS_ADDR,
  Cap.SYNC_MMU,
  Cap.DESTROY_MEMORY_REGION_WORKS,
  Cap.JOIN_MEMORY_REGIONS_WORKS,
  Cap.IOEVENTFD,
  Cap.SET_IDENTITY_MAP_ADDR,
  Cap.READONLY_MEM,
  Cap.ENABLE_CAP_VM,
  Cap.IOEVENTFD_NO_LENGTH,
  Cap.CHECK_EXTENSION_VM,
  Cap.IOEVENTFD_ANY_LENGTH,
  Cap.IMMEDIATE_EXIT,
  Cap.COALESCED_PIO,
]);

/** 0 for what is not there. @kernel kvm_vm_ioctl_check_extension virt/kvm/kvm_main.c, arch/x86/kvm/x86.c */
export function checkExtension({ config, maxVcpus }: Kvm, cap: number): number {
  switch (cap) {
    case Cap.NR_MEMSLOTS:
      return config.userMemSlots;
    case Cap.MAX_VCPUS:
      return maxVcpus;
    case Cap.MAX_VCPU_ID:
      return KVM_MAX_VCPU_IDS;
    case Cap.MULTI_ADDRESS_SPACE:
      return config.addressSpaces > 1 ? config.addressSpaces : 0;
    case Cap.COALESCED_MMIO:
      return COALESCED_MMIO_PAGE_OFFSET;
    case Cap.MANUAL_DIRTY_LOG_PROTECT2:
      return KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET;
    case Cap.DIRTY_LOG_RING:
    case Cap.DIRTY_LOG_RING_ACQ_REL:
      return KVM_DIRTY_RING_MAX_ENTRIES * DirtyGfn.size;
    default:
      return PRESENT.has(cap) ? 1 : 0;
  }
}
