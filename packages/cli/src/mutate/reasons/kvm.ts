/** Reasons for sites of KVM itself: virt/, x86/, arm64/. */
import type { Reason } from './reason.ts';

const locked: readonly Reason[] = [
  {
    kind: 'needless',
    says: 'mmu_lock is held for write, so nobody else changes it; the atomic operation is for those who read it without the lock',
    shown: 'kvm->mmu_lock exclusive',
    sites: [
      'x86/shadow/write-track.ts#account_shadowed:mmu.indirectShadowPages.fetchAdd',
      'x86/shadow/write-track.ts#account_shadowed:mmu.frame.at(page.gfn).writeTracked.fetchAdd',
      'x86/obsolete-roots.ts#requestFreeObsoleteRoots:vcpu.guestMmu.rootRequests.fetchAdd',
      'virt/mmu-notifier-change.ts#kvm_mmu_notifier_change_pte:kvm.mmuInvalidateSeq.fetchAdd',
    ],
  },
  {
    kind: 'needless',
    says: 'mmu_lock, a spinlock here, is held by everybody who changes it, each time',
    shown: 'apart',
    sites: [
      'arm64/memory-region.ts#kvm_get_dirty_log_protect:kvm.dirty.at(id).xchg',
      'arm64/stage2-fault.ts#mark_page_dirty:kvm.dirty.at(slot.id).fetchOr',
    ],
  },
  {
    kind: 'needless',
    says: 'mmu_lock keeps every other change of the entry out, and an access fault comes only from hardware that does not set the flag itself',
    shown: 'apart',
    sites: ['arm64/stage2-fault.ts#handle_access_fault:leaf.fetchOr'],
  },
  {
    kind: 'needless',
    says: 'changed under mmu_lock only; a fault reads it without the lock and once more with it',
    shown: 'kvm->mmu_lock exclusive',
    sites: ['arm64/stage2-notifier.ts#kvm_mmu_notifier_invalidate_range_end:kvm.mmuNotifierSeq.fetchAdd'],
  },
  {
    kind: 'needless',
    says: 'the one-table model has no A and D bits, and mmu_lock is held for write: nobody else writes the entry',
    shown: 'apart',
    sites: ['x86/zap.ts#zapAll:root.spt.at(i).xchg'],
  },
  {
    kind: 'needless',
    says: 'mn_invalidate_lock is held around it: nobody else writes the count',
    shown: 'apart',
    sites: [
      'virt/mmu-notifier.ts#kvm_mmu_notifier_invalidate_range_end:kvm.mnActiveInvalidateCount.fetchAdd',
    ],
  },
  {
    kind: 'needless',
    says: 'the count is changed by one atomic operation, and nothing else is done under the lock here',
    sites: ['virt/mmu-notifier.ts#kvm_mmu_notifier_invalidate_range_end:kvm.mnInvalidateLock held'],
  },
  {
    kind: 'needless',
    says: 'a root is added with mmu_lock held for write, and put with it held for read: they never meet on the list',
    shown: 'apart',
    sites: ['x86/tdp-roots.ts#addRoot:kvm.tdpMmuPagesLock held'],
  },
  {
    kind: 'needless',
    says: 'who changes the copy of a route holds irqfds.lock; a reader only compares the number before and after',
    shown: 'apart',
    sites: [
      'virt/irq-routing.ts#irqfd_update:irqfd.irqEntrySc.fetchAdd',
      'virt/irq-routing.ts#irqfd_update:irqfd.irqEntrySc.fetchAdd (2)',
    ],
  },
  {
    kind: 'needless',
    says: 'wqh.lock is held around it, as by the reader of the eventfd in the kernel',
    shown: 'ctx->wqh.lock exclusive',
    sites: ['virt/irqfd-eventfd.ts#eventfd_write:eventfd.count.fetchAdd'],
  },
  {
    kind: 'needless',
    says: 'the masks of CPUs change with cpu_hotplug_lock held for write, and only there',
    shown: 'kvm_hardware->cpu_hotplug_lock exclusive',
    sites: [
      'virt/hardware-hotplug.ts#_cpu_down:hw.active.fetchAndnot',
      'virt/hardware-hotplug.ts#_cpu_down:hw.online.fetchAndnot',
      'virt/hardware-hotplug.ts#_cpu_up:hw.active.fetchOr',
      'virt/hardware-hotplug.ts#_cpu_up:hw.online.fetchAndnot',
      'virt/hardware-hotplug.ts#_cpu_up:hw.online.fetchOr',
    ],
  },
  {
    kind: 'needless',
    says: 'what these ioctls change is the cache of vcpu_info, which xen_lock and the locks of the cache protect; vcpu->mutex comes with every ioctl of a vCPU',
    sites: [
      'x86/xen-attr.ts#kvm_xen_vcpu_get_attr:vcpu.mutex held',
      'x86/xen-attr.ts#kvm_xen_vcpu_set_attr:vcpu.mutex held',
    ],
  },
  {
    kind: 'needless',
    says: 'all that is done here is inside hv_lock; that a vCPU is run by one thread at a time is shown by mmio/vcpu-run-twice-at-once',
    shown: 'alone',
    sites: ['x86/hyperv-tsc.ts#runWithClockUpdate:vcpu.mutex held'],
  },
  {
    kind: 'needless',
    says: 'what is done inside is under kvm_usage_lock as well; that CPUs come and go is explored in area hw, with a lock of its own',
    sites: [
      'virt/vm-list.ts#hardware_enable_all:host.cpuHotplugLock held (read)',
      'virt/vm-list.ts#kvm_online_cpu:host.cpuHotplugLock held (write)',
    ],
  },
  {
    kind: 'needless',
    says: 'nothing is done inside: it is there for the order of locks, which area locks is about',
    sites: ['virt/vm-list.ts#static_key_slow_inc:host.cpuHotplugLock held (read)'],
  },
];

const atomics: readonly Reason[] = [
  {
    kind: 'needless',
    says: 'weakened, the walk keeps its lock to the end instead of letting others in between: that costs them time and lets nobody do anything more',
    sites: [
      'x86/tdp-yield.ts#tdp_mmu_iter_cond_resched:kvm.mmuLock held (read)',
      'x86/tdp-yield.ts#tdp_mmu_iter_cond_resched:kvm.mmuLock held (write)',
      'arm64/stage2-unmap.ts#cond_resched_lock:kvm.mmuLock held',
    ],
  },
  {
    kind: 'needless',
    says: 'AND with 0, of which nobody uses the result: a plain store of 0 does the same, and the barrier behind it keeps the order',
    sites: ['x86/posted-interrupt.ts#vmx_sync_pir_to_irr:apic.on.fetchAnd'],
  },
  {
    kind: 'needless',
    says: 'taken apart it claims IN_GUEST and stores EXITING_GUEST whatever the mode was: an interrupt too many is sent, and the vCPU stores its mode anew at each entry and exit',
    sites: ['virt/kick.ts#kvm_vcpu_exiting_guest_mode:vcpu.mode.cmpxchg'],
  },
  {
    kind: 'needless',
    says: 'asked is only whether it is 0: of two CPUs that fail at once one that is counted is enough',
    sites: ['virt/hardware-enable-cpu.ts#hardware_enable_nolock:hw.enableFailed.fetchAdd'],
  },
  {
    kind: 'needless',
    says: 'a sender notes a word while the cache of vcpu_info is not valid, the vCPU takes noted words while it is, both inside gpc->lock: no word is noted in between',
    sites: ['x86/xen-evtchn.ts#kvm_xen_inject_pending_events:xen.evtchnPendingSel.fetchAndnot'],
  },
  {
    kind: 'needless',
    says: 'taken apart it may clear what the vCPU has polled for since: the hypercall returns early, as it may for any reason, and the guest polls again',
    sites: ['x86/xen-evtchn.ts#kvm_xen_check_poller:xen.polling.cmpxchg'],
  },
  {
    kind: 'needless',
    says: 'the vCPU looks at the requests themselves behind it, so a note that is cleared by mistake belongs to a post that it sees',
    sites: ['x86/posted-intr-run.ts#vmx_sync_pir_to_irr:desc.control.fetchAndnot'],
  },
  {
    kind: 'needless',
    says: 'what a post changes in between is ON, which is then lost; whoever loads the vCPU again looks at the requests themselves and sets ON for them',
    sites: [
      'x86/posted-intr-old.ts#vmx_vcpu_pi_put:(pi.descasPiDesc).control.fetchOr',
      'x86/posted-intr.ts#vmx_vcpu_pi_put:(pi.descasPiDesc).control.fetchOr',
    ],
  },
  {
    kind: 'needless',
    says: 'a post in between sets the same bit, and the other fields are written by the vCPU itself, whose thread this is',
    sites: ['x86/posted-intr.ts#noticeSuppressed:desc.control.fetchOr'],
  },
  {
    kind: 'needless',
    says: 'the thread of the vCPU itself, between two instructions: nobody else fills its TLB, and what others do to it then is to empty it or to ask for that',
    sites: [
      'x86/tdp-roots.ts#kvm_mmu_load:vcpu.tlb.lock held',
      'x86/shadow/roots.ts#kvm_mmu_invlpg:vcpu.tlb.lock held',
    ],
  },
  {
    kind: 'needless',
    says: 'a fault that it does not keep out leaves its entry under a root that its vCPU was told to drop, and drops before it enters the guest again',
    sites: ['x86/zap-fast.ts#kvm_mmu_zap_all_fast:kvm.mmuLock held (write)'],
  },
  {
    kind: 'needless',
    says: 'in the one-table model each entry is taken by one atomic operation; a fault behind it was judged by slots whose readers have been waited for, or by new ones',
    sites: ['x86/zap.ts#zapAll:kvm.mmuLock held (write)'],
  },
  {
    kind: 'needless',
    says: 'in the one-table model the entry is read and then replaced by a cmpxchg: a zap between the two makes that fail',
    sites: [
      'x86/page-fault.ts#kvm_handle_noslot_fault:kvm.mmuLock held (read)',
      'x86/page-fault.ts#kvm_tdp_mmu_map:kvm.mmuLock held (read)',
    ],
  },
  {
    kind: 'needless',
    says: 'a number of the model: two changes of the master clock that get the same one are one change to the page',
    sites: ['x86/hyperv-tsc.ts#kvm_update_masterclock:hv.masterclock.fetchAdd'],
  },
  {
    kind: 'needless',
    says: 'a count of the model on which faults wait; they ask only whether it moved, and it does',
    sites: ['x86/tdp-frozen.ts#tdp_mmu_zap_spte_atomic:kvm.frozenReleased.fetchAdd'],
  },
  {
    kind: 'needless',
    says: 'a count of the model that says how often something was done; no code of KVM reads it',
    sites: [
      'virt/irq-ack.ts#callAckNotifier:kian.calls.fetchAdd',
      'virt/io-device.ts#kvm_iodevice_write:device.calls.fetchAdd',
      'virt/io-device.ts#kvm_iodevice_read:device.calls.fetchAdd',
      'x86/first-shadow-root.ts#rmap_add:(rmapasSlotRmap).entries.fetchAdd',
      'x86/posted-intr-irq.ts#takenInGuest:cpu.taken.fetchAdd',
    ],
  },
];

const gaps: readonly Reason[] = [
  {
    kind: 'gap',
    says: 'an interrupt is lost only if one that was posted is taken over while another one, sent after APICv went off, is requested: that takes two devices and an inhibit at once',
    sites: ['x86/posted-interrupt.ts#vmx_sync_pir_to_irr:apic.irr.fetchOr'],
  },
  {
    kind: 'gap',
    says: 'taken apart it does its harm to a third post (apicv/one-of-two-posts-lost shows it in the other form of the code); here three take 138,913 executions, over the budget',
    sites: ['x86/posted-intr-deliver.ts#vmx_deliver_posted_interrupt:desc.control.fetchOr'],
  },
  {
    kind: 'gap',
    says: 'two devices that come at once would be counted as one; no scenario has two',
    shown: 'alone',
    sites: ['x86/posted-intr-deliver.ts#kvm_arch_start_assignment:vm.assignedDeviceCount.fetchAdd'],
  },
  {
    kind: 'gap',
    says: 'in the scenarios that come here nobody asks for mmu_lock meanwhile',
    shown: 'alone',
    sites: [
      'x86/tdp-write-protect-gfn.ts#kvm_mmu_slot_gfn_write_protect:kvm.mmuLock held (write)',
      'x86/tdp-recover.ts#kvm_recover_nx_huge_pages:kvm.mmuLock held (write)',
      'x86/tdp-recover.ts#kvm_tdp_mmu_zap_collapsible_sptes:kvm.mmuLock held (read)',
      'x86/tdp-split.ts#kvm_mmu_slot_try_split_huge_pages:kvm.mmuLock held (read)',
    ],
  },
  {
    kind: 'gap',
    says: 'two roots whose last references are put at the same moment would meet on the list; the scenarios that come here take one root off it',
    sites: ['x86/tdp-roots.ts#kvm_tdp_mmu_put_root:kvm.tdpMmuPagesLock held'],
  },
  {
    kind: 'gap',
    says: 'the atomic operation is for two vCPUs that fault on one entry, which scenarios of the TDP MMU have and those of the one-table model have not',
    shown: 'apart',
    sites: [
      'x86/page-fault.ts#kvm_handle_noslot_fault:sptep.cmpxchg',
      'x86/page-fault.ts#kvm_tdp_mmu_map:sptep.cmpxchg',
    ],
  },
  {
    kind: 'gap',
    says: 'every scenario makes the page at set-up, once; two threads that make it at once no scenario has',
    sites: ['x86/apic-access-alloc.ts#kvm_alloc_apic_access_page:kvm.slotsLock held'],
  },
  {
    kind: 'gap',
    says: 'the zap under it is kept apart from faults by mmu_lock; what slots_lock keeps out, a slot that changes under the zap, breaks nothing in the one-table model of these scenarios',
    sites: ['virt/vm-list.ts#set_nx_huge_pages:kvm.slotsLock held'],
  },
  {
    kind: 'gap',
    says: 'an irqfd that takes a reference while another one of the same eventfd puts its own: shown for ioeventfds by io/eventfd-reference-lost, not for irqfds',
    sites: ['virt/irqfd.ts#kvm_irqfd_assign:eventfd.kref.fetchAdd'],
  },
  {
    kind: 'gap',
    says: 'tsc/torn-snapshot-of-two-updates shows what it is for, and is beyond the default budget: 233,840 executions, and four times as many without the lock, where the time is a mixture',
    sites: ['x86/pvclock.ts#kvm_update_masterclock:vm.tscWriteLock held'],
  },
  {
    kind: 'gap',
    says: 'it keeps the host from being preempted between its two clocks; in scenarios with an update no time goes by meanwhile',
    shown: 'alone',
    sites: ['x86/pvclock.ts#kvm_update_masterclock:host.unpreempted held (read)'],
  },
  {
    kind: 'gap',
    says: 'what comes in between is the CLOCK_UPDATE that the vCPU has just taken, and is then served twice; a request of somebody else, which would be lost, no scenario has there',
    sites: ['x86/pvclock.ts#letVcpusIn:vcpu.requests.fetchAndnot'],
  },
  {
    kind: 'gap',
    says: 'it keeps a refresh that is under way from making the cache valid again; whoever ends a cache here holds xen_lock and vcpu->mutex as well, and no refresh is under way',
    shown: 'alone',
    sites: ['virt/pfncache.ts#kvm_gpc_deactivate:gpc.refreshLock held'],
  },
  {
    kind: 'gap',
    says: 'no timer runs out twice while its vCPU raises its event',
    sites: ['x86/xen-hypercall.ts#xen_timer_callback:(vcpu.xenasVcpuXen).timerPending.fetchAdd'],
  },
  {
    kind: 'gap',
    says: 'no page whose frame is looked up here loses or gains another user at that moment in a way that a rule would notice',
    sites: ['x86/shadow/fast-page-fault.ts#gfn_to_pfn_atomic:mm.page.at(ptePfn(pte)).refcount.fetchAdd'],
  },
  {
    kind: 'gap',
    says: 'mmu_lock keeps every other writer out; hardware that sets the access flag by itself would come between, and no scenario with a log or with chunks has such hardware',
    shown: 'apart',
    sites: [
      'arm64/stage2-unmap.ts#protectTable:entryp.fetchAnd',
      'arm64/pgtable.ts#protectChunk:entryp.fetchAnd',
    ],
  },
  {
    kind: 'gap',
    says: 'no scenario of arm64 has two invalidations at once; the end of the VM sets the count to 0 only after it has waited for callbacks',
    sites: [
      'arm64/stage2-notifier.ts#kvm_mmu_notifier_invalidate_range_end:kvm.mnActiveInvalidateCount.fetchAdd',
      'arm64/stage2-notifier.ts#kvm_mmu_notifier_invalidate_range_start:kvm.mnActiveInvalidateCount.fetchAdd',
    ],
  },
  {
    kind: 'gap',
    says: 'nobody in the model changes the mappings of the VMM that mmap_sem protects',
    shown: 'alone',
    sites: ['arm64/stage2-fault.ts#hostMapsHuge:mm.mmapSem held (read)'],
  },
];

const unreached: readonly Reason[] = [
  {
    kind: 'gap',
    says: 'only deep scenarios of the shadow MMU come here, those in which pages are reclaimed or brought in step; what they find in their first executions is counted',
    sites: [
      'x86/flush.ts#kvm_flush_remote_tlbs:kvm.shadowMmu.tlbsDirty.loadAcquire',
      'x86/shadow/sync.ts#flushLater:mmu.tlbsDirty.fetchAdd',
      'x86/shadow/write-track.ts#unaccount_shadowed:mmu.frame.at(page.gfn).writeTracked.fetchAdd',
      'x86/shadow/write-track.ts#unaccount_shadowed:mmu.indirectShadowPages.fetchAdd',
    ],
  },
  {
    kind: 'gap',
    says: 'mmu_lock as a spinlock is a form that runs on threads only: shadow/moving-tables-under-a-spinlock',
    sites: [
      'virt/mmu-lock.ts#KVM_MMU_LOCK:kvm.mmuSpinlock held',
      'virt/mmu-lock.ts#KVM_MMU_UNLOCK:kvm.mmuSpinlock held',
    ],
  },
  {
    kind: 'gap',
    says: 'no scenario asks for what is cleared here: a request that the model does not handle',
    sites: ['virt/vcpu-entry.ts#vcpu_enter_guest:vcpu.requests.fetchAndnot'],
  },
  {
    kind: 'gap',
    says: 'no scenario assigns an irqfd to an eventfd that has one (-EBUSY)',
    sites: ['virt/irqfd.ts#kvm_irqfd_assign:eventfd.kref.fetchAdd (2)'],
  },
  {
    kind: 'gap',
    says: 'only a deep scenario comes here, pi/device-detached-under-a-sleeper, where one thread takes the device away and gives it back',
    sites: ['x86/posted-intr-deliver.ts#kvm_arch_end_assignment:vm.assignedDeviceCount.fetchAdd'],
  },
  {
    kind: 'gap',
    says: 'in every scenario the vCPUs match, so that the master clock is used and the host is not asked here',
    sites: ['x86/pvclock.ts#kvm_guest_time_update:host.unpreempted held (read)'],
  },
  {
    kind: 'gap',
    says: 'the scenario that relaxes permissions, arm64/tables-made-twice, is about pages that are not mapped: there is no entry to relax',
    sites: ['arm64/pgtable.ts#kvm_pgtable_stage2_relax_perms:leaf.fetchOr'],
  },
  {
    kind: 'gap',
    says: 'what it found only says whether the interrupt is one with the last; no scenario has a device that counts them',
    sites: ['virt/irqfd-resampler.ts#irqfd_inject:(irqfd.resamplerasIrqfdResampler).line.xchg'],
  },
  {
    kind: 'gap',
    says: 'settings of the VM, compared call by call with a kernel (docs/fidelity.md) by one thread; no scenario has two that set them at once, or beside KVM_CREATE_VCPU',
    sites: [
      'virt/enable-cap.ts#kvm_vm_ioctl_enable_cap:kvm.lock held',
      'x86/tss-addr.ts#kvm_vm_ioctl_set_identity_map_addr:kvm.lock held',
    ],
  },
];

export const KVM_REASONS: readonly Reason[] = [...locked, ...atomics, ...gaps, ...unreached];
