/**
 * Internal seams: where a protocol scenario may enter below the public door. Scenarios that use one say less than
 * those that go through the door; each family has one that does.
 */

export { pageReferenced, reclaimUnused } from './host/aging.ts';
export { type HostClock, leap } from './host/clock.ts';
export { hvaToPfnPinned } from './host/gup.ts';
export { splitHugePmd } from './host/huge-pmd.ts';
export { collapseHugePage } from './host/khugepaged.ts';
export { mergePages } from './host/ksm.ts';
export { migratePage } from './host/migrate.ts';
export { allocFrame, type MmStruct, PG_ACCESSED, PG_DIRTY, putPage, setPfnDirty } from './host/mm.ts';
export { swapOut } from './host/reclaim.ts';
export { mprotectReadOnly, munmap } from './host/unmap.ts';
export { type Access, guestAccess, guestRead, guestWrite, Via } from './hw/guest-access.ts';
export {
  cpuOf,
  type HostCpu,
  type HostCpus,
  localIrqRestore,
  localIrqSave,
  noMoreVectors,
} from './hw/host-cpu.ts';
export { iommuPost } from './hw/iommu.ts';
export { interruptController, irqsOff, irqsOn, noMoreIpis } from './hw/ipi.ts';
export { calledFunctions, interruptOthers } from './hw/on-each-cpu.ts';
export { tdpAccess } from './hw/tdp-access.ts';
export { type ClearDirtyLog, clearDirtyLog } from './virt/clear-dirty-log.ts';
export { coalescedMmioFree, coalescedMmioInit } from './virt/coalesced-mmio.ts';
export { writeGuest } from './virt/dirty-log.ts';
export { dirtyRingPush, dirtyRingReset, dirtyRingSoftFull } from './virt/dirty-ring.ts';
export { KVM_DIRTY_GFN_F_DIRTY, KVM_DIRTY_GFN_F_RESET } from './virt/dirty-ring-state.ts';
export { inProgress } from './virt/generation.ts';
export { getDirtyLog } from './virt/get-dirty-log.ts';
export { allocHardware, type HardwareOptions, type KvmHardware } from './virt/hardware-enable-state.ts';
export { cpuDown, cpuUp } from './virt/hardware-hotplug.ts';
export { createHardwareVm, type HardwareVm, hostCpu, putVm, runSomewhere } from './virt/hardware-user.ts';
export { installNewMemslots, swapActiveMemslots } from './virt/install-memslots.ts';
export { ioBusRead, ioBusWrite, ioBusWriteCookie } from './virt/io-bus.ts';
export { destroyBuses, ioBusRegisterDev, ioBusUnregisterDev } from './virt/io-bus-register.ts';
export { KvmBus } from './virt/io-bus-state.ts';
export { allocRegisterDevice, RegisterDevice } from './virt/io-device-state.ts';
export { acceptIrq, makeAllCpusRequest, vcpuKick } from './virt/kick.ts';
export { Vcpu as VcpuStruct } from './virt/kvm.ts';
export { setMemoryRegion } from './virt/memory-region.ts';
export type { Memslots } from './virt/memslots.ts';
export { idToMemslot, memslotsOf, searchMemslots } from './virt/memslots-search.ts';
export { invalidateRangeEnd, invalidateRangeStart } from './virt/mmu-notifier.ts';
export { clearFlushYoung, clearYoung, testYoung } from './virt/mmu-notifier-age.ts';
export { changePte } from './virt/mmu-notifier-change.ts';
export { makeRequest, Request } from './virt/requests.ts';
export { exitGuest, haltInGuest, processRequests, runInstruction, spinInGuest } from './virt/vcpu-entry.ts';
export { vcpuGfnToMemslot, vcpuMemslots } from './virt/vcpu-memslots.ts';
export { directPageFault } from './x86/direct-page-fault.ts';
export { fastPageFault, fixDirectSpte } from './x86/fast-page-fault.ts';
export { flushRemoteTlbs } from './x86/flush.ts';
export {
  createHypervVm,
  guestReadsTscPage,
  type HypervOptions,
  type KvmHv,
  masterclockChanges,
  requestTscPageUpdate,
  runWithClockUpdate,
  tscPageNow,
} from './x86/hyperv-tsc.ts';
export {
  isMmioSpte,
  makeMmioSpte,
  mmioGenerationOf,
  mmioGfnOf,
  truncateGeneration,
} from './x86/mmio-spte.ts';
export { allocMmuPage, type MmuPage } from './x86/mmu-page.ts';
export { createPostedInterrupts, type PostedInterruptOptions } from './x86/posted-intr-create.ts';
export { deliverPostedInterrupt, endAssignment, startAssignment } from './x86/posted-intr-deliver.ts';
export { hostInterrupts } from './x86/posted-intr-irq.ts';
export { runHaltingGuest, runSpinningGuest, type Scheduling, vcpuLoadHere } from './x86/posted-intr-run.ts';
export type { PiDesc, VcpuPi, VmPi } from './x86/posted-intr-state.ts';
export { getClock, guestTscNow, requestClockUpdates, updateMasterclock } from './x86/pvclock.ts';
export { guestLooksAtClock } from './x86/pvclock-run.ts';
export { commitZapPage, walkShadowPageLocklessBegin, walkShadowPageLocklessEnd } from './x86/shadow-walk.ts';
export { PT_WRITABLE, spteFormat } from './x86/spte-format.ts';
export { rcuDoBatch } from './x86/tdp-free.ts';
export { childOf, makeNonleaf } from './x86/tdp-geometry.ts';
export { recoverNxHugePages, zapCollapsibleSptes } from './x86/tdp-recover.ts';
export { mmuLoad, mmuUnload } from './x86/tdp-roots.ts';
export { lastSpte } from './x86/tdp-walk.ts';
export { writeProtectForTracking } from './x86/tdp-write-protect-gfn.ts';
export { synchronizeTsc } from './x86/tsc.ts';
export { createTscVm, type TscOptions } from './x86/tsc-create.ts';
export type { VcpuTsc, VmTsc } from './x86/tsc-state.ts';
export { zapAllFast } from './x86/zap-fast.ts';
