/** Reasons for sites of what surrounds KVM: the host's memory and tasks, and the hardware. None of them is KVM's own claim. */
import type { Reason } from './reason.ts';

const host: readonly Reason[] = [
  {
    kind: 'needless',
    says: 'the list has one notifier: all that is done under the lock is to store NULL',
    sites: ['host/mmu-notifier-list.ts#takeOff:mm.notifierLock held'],
  },
  {
    kind: 'needless',
    says: 'nothing is done inside: it stands for an allocation that may sleep, for the rule that nobody allocates under a spinlock',
    sites: ['host/user-mm.ts#mmu_topup_memory_cache:allocating held'],
  },
  {
    kind: 'needless',
    says: 'time goes by for one at a time, with everybody else unpreempted: nobody else writes the clocks',
    shown: 'host->unpreempted exclusive',
    sites: ['host/clock.ts#leap:host.ns.fetchAdd', 'host/clock.ts#leap:host.tsc.fetchAdd'],
  },
  {
    kind: 'needless',
    says: 'the state of the task is changed by one atomic operation, and the task looks at it again once it is off its CPU',
    sites: ['hw/host-sched.ts#try_to_wake_up:lastOn.rqLock held'],
  },
  {
    kind: 'needless',
    says: 'taken apart it stores "is to run" also over itself, and nobody uses whether it was asleep',
    sites: ['hw/host-sched.ts#try_to_wake_up:state.cmpxchg'],
  },
  {
    kind: 'needless',
    says: 'whoever sets the other flag of the frame is kept apart by mmu_lock; one that is cleared meanwhile is brought back as if it had been set a moment later, which costs a write to swap or a second chance',
    sites: [
      'host/mm.ts#kvm_set_pfn_accessed:mm.page.at(pfn).flags.fetchOr',
      'host/mm.ts#kvm_set_pfn_dirty:mm.page.at(pfn).flags.fetchOr',
    ],
  },
  {
    kind: 'gap',
    says: 'KVM marks a frame that it wrote itself, outside of any translation; no scenario has reclaim of that frame at that moment, and what a zap marks is marked before reclaim goes on',
    sites: ['host/reclaim.ts#shrink_page_list:page.flags.fetchAnd'],
  },
  {
    kind: 'gap',
    says: 'of the host: a reference that is counted too often leaves the frame for ever, and no rule asks whether it is freed; that one is lost because two are taken at once no scenario has',
    sites: [
      'host/ksm.ts#try_to_merge_two_pages:shared.refcount.fetchAdd',
      'host/huge-pmd.ts#follow_trans_huge_pmd:mm.page.at(pfn).refcount.fetchAdd',
      'host/migrate.ts#migrate_pages:old.refcount.fetchAdd',
      'host/migrate.ts#migrate_pages:page.refcount.fetchAdd',
      'host/user-memory.ts#replace_page:frameOf(mm,to).refcount.fetchAdd',
      'host/user-memory.ts#set_pte_at_notify:frameOf(mm,to).refcount.fetchAdd',
      'host/user-mm.ts#get_user_pages:frameOf(mm,(pte-1)asPfn).refcount.fetchAdd',
    ],
  },
  {
    kind: 'gap',
    says: 'of the host: a frame that somebody else holds is moved all the same; no scenario has KVM write to it by its own reference at that moment',
    sites: ['host/migrate.ts#migrate_pages:old.refcount.cmpxchg'],
  },
  {
    kind: 'gap',
    says: 'of the host: no scenario has another thread change the same entry of the page table meanwhile',
    shown: 'alone',
    sites: [
      'host/oom-reaper.ts#__oom_reap_task_mm:mm.ptes.at(Math.floor(hva/PAGE_SIZE)).xchg',
      'host/unmap.ts#change_protection:mm.ptes.at(Math.floor(hva/PAGE_SIZE)).fetchAndnot',
      'host/unmap.ts#unmap_region:mm.ptes.at(Math.floor(hva/PAGE_SIZE)).xchg',
    ],
  },
  {
    kind: 'gap',
    says: 'of the host: no scenario takes a page out of the address space while it is brought in from swap',
    sites: ['host/gup.ts#do_swap_page:ptep.cmpxchg (2)'],
  },
  {
    kind: 'gap',
    says: 'of the host: the flag of a use is lost if the page is used while it is aged; the scenario of reclaim has one use, and finds it in the table of the guest',
    sites: ['host/aging.ts#folio_referenced:mm.page.at(ptePfn(pte)).flags.fetchAnd'],
  },
  {
    kind: 'gap',
    says: 'of the host: two tasks that end at once and both count two leave the files open for ever, and no rule asks whether they are closed',
    sites: ['host/process.ts#do_exit:process.filesCount.fetchAdd'],
  },
  {
    kind: 'gap',
    says: 'no scenario of arm64 makes two vCPUs at once; lifetime/vcpu-id-given-twice shows what the lock is for',
    shown: 'alone',
    sites: ['host/process.ts#kvm_vm_ioctl_create_vcpu:kvm.lock held'],
  },
  {
    kind: 'gap',
    says: 'huge pages of the host are put together again on threads only: mmu/moving-huge-memory',
    sites: [
      'host/khugepaged.ts#__collapse_huge_page_isolate:ptep.cmpxchg',
      'host/khugepaged.ts#allocHugeFrames:mm.page.at(first+got).refcount.cmpxchg',
      'host/khugepaged.ts#collapse_huge_page:from.refcount.fetchAdd',
      'host/khugepaged.ts#folio_ref_freeze:mm.page.at(ptePfn(frozen)).refcount.fetchAdd',
      'host/khugepaged.ts#folio_ref_freeze:mm.page.at(ptePfn(pte)).refcount.cmpxchg',
    ],
  },
];

const hardware: readonly Reason[] = [
  {
    kind: 'needless',
    says: 'a count for rules and diagrams; whoever changes it holds the lock of the TLB, which stands for a CPU that does one thing at a time',
    shown: 'apart',
    sites: [
      'hw/apic-virtualization.ts#deliverVirtualInterrupt:apic.delivered.fetchAdd',
      'hw/ipi.ts#deliver:cpu.vmExits.fetchAdd',
    ],
  },
  {
    kind: 'gap',
    says: 'of the hardware: of two vectors that two senders set at one CPU at once, one would be lost; in the scenarios with a kick there is one sender',
    sites: ['hw/ipi.ts#smp_send_reschedule:vcpu.cpu.irr.fetchOr'],
  },
  {
    kind: 'needless',
    says: 'ON goes before the requests are taken, so a post in between is among them; the vCPU itself, which writes the other fields, is in its guest',
    sites: ['x86/posted-intr-irq.ts#takenInGuest:desc.control.fetchAndnot'],
  },
  {
    kind: 'gap',
    says: 'of the hardware: an interrupt is lost only if software requests one at the moment at which the hardware takes over or delivers another: two senders, one of which found APICv off',
    sites: [
      'hw/apic-virtualization.ts#deliverVirtualInterrupt:apic.irr.fetchAndnot',
      'hw/apic-virtualization.ts#processPostedInterrupts:apic.irr.fetchOr',
    ],
  },
  {
    kind: 'gap',
    says: 'of the hardware: beside a walk that sets the access flag only aging is explored, which changes nothing where the flag is not set; no scenario unmaps the page meanwhile',
    sites: ['arm64/guest-access.ts#walk:entryp.cmpxchg'],
  },
  {
    kind: 'gap',
    says: 'of the host: only shadow/gfn-alias-aba-by-merging comes here, which is deep, and later than the beginning that is looked at of such; reclaim is no part of it',
    sites: ['host/ksm.ts#reuse_ksm_page:mm.page.at(ptePfn(pte)).flags.fetchOr'],
  },
];

export const AROUND_REASONS: readonly Reason[] = [...host, ...hardware];
