/**
 * Internal seams: where a protocol scenario may enter below the public door. Scenarios that use one say less than
 * those that go through the door; each family has one that does.
 */

export { type ArmVm, type ArmVmOptions, createArmVm } from './arm64/create.ts';
export { kvmGetKvm, kvmPutKvm } from './arm64/destroy-vm.ts';
export { armAccess } from './arm64/guest-access.ts';
export { type ArmRegion, armGetDirtyLog, setRegion } from './arm64/memory-region.ts';
export {
  ArmMmu,
  freeStage2Pgt,
  mapExclusively,
  relaxPerms,
  wpStage2Chunks,
} from './arm64/pgtable.ts';
export { handleGuestAbort } from './arm64/stage2-fault.ts';
export { vgicMapResources } from './arm64/stage2-ioremap.ts';
export type { ArmKvm, ArmVcpu, UserMm } from './arm64/state.ts';
export { pageReferenced, reclaimUnused } from './host/aging.ts';
export { type HostClock, leap } from './host/clock.ts';
export { hvaToPfnPinned } from './host/gup.ts';
export { splitHugePmd } from './host/huge-pmd.ts';
export { collapseHugePage } from './host/khugepaged.ts';
export { mergePages } from './host/ksm.ts';
export { migratePage } from './host/migrate.ts';
export {
  allocFrame,
  type MmStruct,
  type Page,
  PG_ACCESSED,
  PG_DIRTY,
  ptePfn,
  putPage,
  setPfnDirty,
} from './host/mm.ts';
export { oomReap } from './host/oom-reaper.ts';
export {
  allocProcess,
  closeFd,
  createArmVcpu,
  createDevice,
  doExit,
  fatalSignalPending,
  ioctlBegin,
  ioctlEnd,
  killGroup,
  type Process,
  runArmVcpu,
  shareFile,
} from './host/process.ts';
export { swapOut } from './host/reclaim.ts';
export { mprotectReadOnly, munmap } from './host/unmap.ts';
export { isYoung, ksmReplace, ksmReplaceAlone, referenced, tryToUnmap } from './host/user-memory.ts';
export { allocUserMm, frameOf, mmput } from './host/user-mm.ts';
export { spinForVectors } from './hw/apic-guest.ts';
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
export { emptyTlb } from './hw/tlb.ts';
export { type ClearDirtyLog, clearDirtyLog } from './virt/clear-dirty-log.ts';
export { coalescedMmioFree, coalescedMmioInit } from './virt/coalesced-mmio.ts';
export { writeGuest } from './virt/dirty-log.ts';
export { dirtyRingPush, dirtyRingReset, dirtyRingSoftFull } from './virt/dirty-ring.ts';
export { KVM_DIRTY_GFN_F_DIRTY, KVM_DIRTY_GFN_F_RESET } from './virt/dirty-ring-state.ts';
export { inProgress } from './virt/generation.ts';
export { getDirtyLog } from './virt/get-dirty-log.ts';
export { allocHardware, type HardwareOptions, type KvmHardware } from './virt/hardware-enable-state.ts';
export { cpuDown, cpuUp } from './virt/hardware-hotplug.ts';
export { HostPower, hostSuspend } from './virt/hardware-suspend.ts';
export { createHardwareVm, type HardwareVm, hostCpu, putVm, runSomewhere } from './virt/hardware-user.ts';
export { installNewMemslots, swapActiveMemslots } from './virt/install-memslots.ts';
export { ioBusRead, ioBusWrite, ioBusWriteCookie } from './virt/io-bus.ts';
export { destroyBuses, ioBusRegisterDev, ioBusUnregisterDev } from './virt/io-bus-register.ts';
export { KvmBus } from './virt/io-bus-state.ts';
export { allocRegisterDevice, RegisterDevice } from './virt/io-device-state.ts';
export {
  AckAction,
  acknowledge,
  allocAckNotifier,
  registerAckNotifier,
  unregisterAckNotifier,
} from './virt/irq-ack.ts';
export { kvmSetIrq, type RoutingEntry, setIrqRouting } from './virt/irq-routing.ts';
export { AckNotifier, type KvmIrq, RouteType } from './virt/irq-state.ts';
export { createIrqchip, irqLine } from './virt/irqchip.ts';
export { irqfdAssign, irqfdInjectWorker } from './virt/irqfd.ts';
export { eventfdWrite, fput, vfioMsihandler } from './virt/irqfd-eventfd.ts';
export { resampleInject, resamplerAssign, resamplerShutdown } from './virt/irqfd-resampler.ts';
export { IrqfdResampler, KvmResamplers, ResampleIrqfd } from './virt/irqfd-resampler-state.ts';
export { irqfdCleanupWorker, irqfdDeassign, irqfdRelease } from './virt/irqfd-shutdown.ts';
export { actorDone } from './virt/irqfd-work.ts';
export { acceptIrq, makeAllCpusRequest, vcpuKick } from './virt/kick.ts';
export { Vcpu as VcpuStruct } from './virt/kvm.ts';
export { lockAllVcpus, unlockAllVcpus } from './virt/lock-all-vcpus.ts';
export { setMemoryRegion } from './virt/memory-region.ts';
export type { Memslots } from './virt/memslots.ts';
export { idToMemslot, memslotsOf, searchMemslots } from './virt/memslots-search.ts';
export { invalidateRangeEnd, invalidateRangeStart } from './virt/mmu-notifier.ts';
export { clearFlushYoung, clearYoung, testYoung } from './virt/mmu-notifier-age.ts';
export { changePte } from './virt/mmu-notifier-change.ts';
export { gpcActivate, gpcCheck, gpcDeactivate, gpcPage, gpcRefresh } from './virt/pfncache.ts';
export type { GfnToPfnCache } from './virt/pfncache-state.ts';
export { makeRequest, Request } from './virt/requests.ts';
export { exitGuest, haltInGuest, processRequests, runInstruction, spinInGuest } from './virt/vcpu-entry.ts';
export { vcpuGfnToMemslot, vcpuMemslots } from './virt/vcpu-memslots.ts';
export { vcpuBusWrite, vcpuSrcuReadLock, vcpuSrcuReadUnlock } from './virt/vcpu-srcu.ts';
export {
  cpuOnline,
  hardwareEnableAll,
  KvmModule,
  setNxHugePages,
  staticKeySlowInc,
  vmListAdd,
  vmListRemove,
} from './virt/vm-list.ts';
export { allocApicAccessPage } from './x86/apic-access-alloc.ts';
export { vcpuReloadApicAccessPage } from './x86/apic-access-page.ts';
export { setOrClearApicvInhibit } from './x86/apicv.ts';
export { ApicvInhibit, type KvmArch } from './x86/apicv-state.ts';
export { directPageFault } from './x86/direct-page-fault.ts';
export { fastPageFault, fixDirectSpte } from './x86/fast-page-fault.ts';
export { mmuFirstShadowRootAlloc, rmapAdd } from './x86/first-shadow-root.ts';
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
export { ApicReg } from './x86/lapic.ts';
export type { Lapic } from './x86/lapic-state.ts';
export {
  isMmioSpte,
  makeMmioSpte,
  mmioGenerationOf,
  mmioGfnOf,
  truncateGeneration,
} from './x86/mmio-spte.ts';
export { mmuLoad } from './x86/mmu-load.ts';
export { allocMmuPage, type MmuPage } from './x86/mmu-page.ts';
export { deliverInterrupt } from './x86/posted-interrupt.ts';
export { createPostedInterrupts, type PostedInterruptOptions } from './x86/posted-intr-create.ts';
export { deliverPostedInterrupt, endAssignment, startAssignment } from './x86/posted-intr-deliver.ts';
export { hostInterrupts } from './x86/posted-intr-irq.ts';
export { runHaltingGuest, runSpinningGuest, type Scheduling, vcpuLoadHere } from './x86/posted-intr-run.ts';
export type { PiDesc, VcpuPi, VmPi } from './x86/posted-intr-state.ts';
export { vcpuSetPrivateMemslot } from './x86/private-memslot.ts';
export { getClock, guestTscNow, requestClockUpdates, updateMasterclock } from './x86/pvclock.ts';
export { guestComparesClock, guestLooksAtClock } from './x86/pvclock-run.ts';
export { shadowFastPageFault } from './x86/shadow/fast-page-fault.ts';
export { frameWord, makeGpte, PT_ACCESSED, PT_DIRTY } from './x86/shadow/guest-tables.ts';
export { invlpg, loadCr3 } from './x86/shadow/roots.ts';
export { guestMmuOf, shadowOf } from './x86/shadow/shadow-mmu.ts';
export { mmuTryToUnsyncPages } from './x86/shadow/unsync.ts';
export { shadowZapAllFast } from './x86/shadow/zap-all.ts';
export { commitZapPage, walkShadowPageLocklessBegin, walkShadowPageLocklessEnd } from './x86/shadow-walk.ts';
export { PT_WRITABLE, spteFormat } from './x86/spte-format.ts';
export { rcuDoBatch } from './x86/tdp-free.ts';
export { childOf, makeNonleaf } from './x86/tdp-geometry.ts';
export { recoverNxHugePages, zapCollapsibleSptes } from './x86/tdp-recover.ts';
export { mmuUnload } from './x86/tdp-roots.ts';
export { lastSpte } from './x86/tdp-walk.ts';
export { writeProtectForTracking } from './x86/tdp-write-protect-gfn.ts';
export { synchronizeTsc } from './x86/tsc.ts';
export { createTscVm, type TscOptions } from './x86/tsc-create.ts';
export type { VcpuTsc, VmTsc } from './x86/tsc-state.ts';
export { xenGetVcpuInfo, xenHvmEvtchnSend, xenSetSharedInfo, xenSetVcpuInfo } from './x86/xen-attr.ts';
export { xenHasInterrupt, xenInjectPendingEvents, xenSetEvtchn, xenSetEvtchnFast } from './x86/xen-evtchn.ts';
export {
  xenEvtchnSend,
  xenHalt,
  xenInjectTimerIrqs,
  xenSchedopPoll,
  xenTimerCallback,
  xenWriteHypercallPage,
} from './x86/xen-hypercall.ts';
export { freeIdrNodes } from './x86/xen-idr.ts';
export { initGpc } from './x86/xen-init.ts';
export {
  bitsPerWord,
  guestFinds,
  maskBit,
  pendingBit,
  SEL_MASK,
  selBit,
  UPCALL_PENDING,
} from './x86/xen-pages.ts';
export {
  type EvtchnAttr,
  Evtchnstat,
  KVM_XEN_EVTCHN_DEASSIGN,
  KVM_XEN_EVTCHN_RESET,
  KVM_XEN_EVTCHN_UPDATE,
  xenSetattrEvtchn,
} from './x86/xen-ports.ts';
export { type KvmXen, NO_INDEX, type VcpuXen, XenEvtchn } from './x86/xen-state.ts';
export { zapAllFast } from './x86/zap-fast.ts';
