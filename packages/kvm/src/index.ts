/**
 * KVM's memory-virtualization core, shaped like the kernel's API: create a VM, issue ioctls with their argument
 * structures and errno values, run vCPUs and look at their exits.
 */
export * as errno from './errno.ts';
export { errnoName } from './errno.ts';
export { type ReapedPage, reapDirtyRing } from './host/dirty-ring-reaper.ts';
export { type HostMemory, hvaToPfn } from './host/memory.ts';
export { assemble, type Instruction, patch } from './hw/guest-program.ts';
export {
  type Gfn,
  type Gpa,
  gfn,
  gfnOf,
  gpa,
  gpaOf,
  type Hva,
  hva,
  PAGE_SIZE,
  type Pfn,
  pfn,
} from './types.ts';
export { Cap, checkExtension } from './virt/capabilities.ts';
export { type ClearDirtyLog, clearDirtyLog } from './virt/clear-dirty-log.ts';
export {
  type CoalescedZoneArgs,
  ioctlRegisterCoalescedMmio,
  ioctlUnregisterCoalescedMmio,
} from './virt/coalesced-mmio-ioctl.ts';
export { CoalescedRing, CoalescedZone } from './virt/coalesced-mmio-state.ts';
export { createVcpu, getVcpu } from './virt/create-vcpu.ts';
export { createVm, type VmOptions } from './virt/create-vm.ts';
export { enableDirtyLogRing, resetDirtyRings } from './virt/dirty-ring-ioctl.ts';
export { type EnableCap, enableCap } from './virt/enable-cap.ts';
export { Eventfd, openEventfd } from './virt/eventfd.ts';
export { answerIo, answerMmio, type IoExit, ioExit, KvmExit, type MmioExit, mmioExit } from './virt/exit.ts';
export { getDirtyLog } from './virt/get-dirty-log.ts';
export {
  type IoeventfdArgs,
  ioctlIoeventfd,
  KVM_IOEVENTFD_FLAG_DATAMATCH,
  KVM_IOEVENTFD_FLAG_DEASSIGN,
  KVM_IOEVENTFD_FLAG_PIO,
  KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY,
} from './virt/ioeventfd-ioctl.ts';
export type { GuestProgram, Kvm, Vcpu } from './virt/kvm.ts';
export { MmioLayout } from './virt/kvm-config.ts';
export { setUserMemoryRegion, type UserspaceMemoryRegion } from './virt/memory-region.ts';
export { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, type Memslot, type Memslots } from './virt/memslots.ts';
export { vcpuRun } from './virt/vcpu-run.ts';
export { generationBits, isMmioSpte, mmioGenerationOf, mmioGfnOf } from './x86/mmio-spte.ts';
export { AdType, PT_WRITABLE, type SpteFormat, type SpteLayout, spteFormat } from './x86/spte-format.ts';
export {
  adEnabled,
  checkSpte,
  FROZEN_SPTE,
  hasVolatileBits,
  isAccessTrack,
  isLast,
  isMmio,
  isShadowPresent,
  markForAccessTrack,
  restoreAccTrack,
} from './x86/spte-predicates.ts';
export { setIdentityMapAddr, setTssAddr } from './x86/tss-addr.ts';
