/**
 * Internal seams: where a protocol scenario may enter below the public door. Scenarios that use one say less than
 * those that go through the door; each family has one that does.
 */

export { pageReferenced, reclaimUnused } from './host/aging.ts';
export { hvaToPfnPinned } from './host/gup.ts';
export { splitHugePmd } from './host/huge-pmd.ts';
export { collapseHugePage } from './host/khugepaged.ts';
export { mergePages } from './host/ksm.ts';
export { migratePage } from './host/migrate.ts';
export { allocFrame, type MmStruct, PG_ACCESSED, PG_DIRTY, putPage, setPfnDirty } from './host/mm.ts';
export { swapOut } from './host/reclaim.ts';
export { mprotectReadOnly, munmap } from './host/unmap.ts';
export { spinForVectors } from './hw/apic-guest.ts';
export { type Access, guestAccess, guestRead, guestWrite, Via } from './hw/guest-access.ts';
export { interruptController, irqsOff, irqsOn, noMoreIpis } from './hw/ipi.ts';
export { tdpAccess } from './hw/tdp-access.ts';
export { emptyTlb } from './hw/tlb.ts';
export { type ClearDirtyLog, clearDirtyLog } from './virt/clear-dirty-log.ts';
export { coalescedMmioFree, coalescedMmioInit } from './virt/coalesced-mmio.ts';
export { writeGuest } from './virt/dirty-log.ts';
export { dirtyRingPush, dirtyRingReset, dirtyRingSoftFull } from './virt/dirty-ring.ts';
export { KVM_DIRTY_GFN_F_DIRTY, KVM_DIRTY_GFN_F_RESET } from './virt/dirty-ring-state.ts';
export { inProgress } from './virt/generation.ts';
export { getDirtyLog } from './virt/get-dirty-log.ts';
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
export { allocApicAccessPage } from './x86/apic-access-alloc.ts';
export { vcpuReloadApicAccessPage } from './x86/apic-access-page.ts';
export { setOrClearApicvInhibit } from './x86/apicv.ts';
export { ApicvInhibit, type KvmArch } from './x86/apicv-state.ts';
export { directPageFault } from './x86/direct-page-fault.ts';
export { fastPageFault, fixDirectSpte } from './x86/fast-page-fault.ts';
export { flushRemoteTlbs } from './x86/flush.ts';
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
export { zapAllFast } from './x86/zap-fast.ts';
