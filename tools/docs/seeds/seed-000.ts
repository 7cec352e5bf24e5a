import { seed } from './sentence.ts';

const FAULT = { waits: 'the page-fault path' };
const LOCKS = { waits: 'the lock catalogue' };
const XEN = { waits: 'Xen event channels' };

export const seed000 = seed('000', 'locking.rst, and the Xen event-channel deadlock (310bc39546)', {
  'commit message': [
    [
      'Delivery from the irqfd workqueue may take kvm->lock, since it holds no other lock and no SRCU section',
      XEN,
    ],
    ['Called straight from a vCPU thread, delivery would need a leaf lock instead', XEN],
    [
      'Intercepting EVTCHNOP_send takes vcpu->mutex and kvm->lock in the wrong order: a deadlock is possible',
      XEN,
    ],
    ['A leaf lock of its own in the Xen state removes the deadlock', XEN],
  ],
  '1. acquisition orders': [
    ['kvm->lock is taken outside vcpu->mutex', LOCKS],
    ['kvm->lock is taken outside kvm->slots_lock and kvm->irq_lock', LOCKS],
    [
      'kvm->slots_lock is taken outside kvm->irq_lock',
      {
        none: 'no path of 6.1 takes both, and so no scenario: `faultline locks` reports it as an order that nothing exercises',
      },
    ],
    ['mn_active_invalidate_count makes a start and its end use the same memslots'],
    ['The update waits holding slots_lock and slots_arch_lock, so notifiers may take neither'],
    ['synchronize_srcu() is called with kvm->lock, vcpu->mutex or slots_lock held', LOCKS],
    ['Taking one of those inside a read section of kvm->srcu is broken', LOCKS],
    ['slots_arch_lock is released before synchronize_srcu()', LOCKS],
    ['slots_arch_lock may therefore be taken inside a read section', LOCKS],
    ['vcpu->mutex is taken outside hv_lock and xen_lock', LOCKS],
    ['tdp_mmu_pages_lock and mmu_unsync_pages_lock are taken inside mmu_lock', LOCKS],
    ['Neither can be taken without mmu_lock', LOCKS],
    ['Everything else is a leaf', LOCKS],
  ],
  '2. fast page fault': [
    ['A fault can be fixed outside mmu_lock'],
    ['Fast when the SPTE is marked for access tracking: the saved R and X bits are restored', FAULT],
    ['Fast when the SPTE is present and write-protected: only the W bit changes', FAULT],
    ['Host-writable: the host page tables and the memslot allow writing', FAULT],
    ["MMU-writable: the guest's MMU allows writing and no shadow page protects it"],
    ['W is set by cmpxchg if HOST_WRITEABLE is 1 and WRITE_PROTECT is 1', FAULT],
    ['Any change of these bits is noticed by the cmpxchg', FAULT],
    ['gfn1 may lose its pfn to gfn2 and the cmpxchg still succeed: gfn2 is missing from the dirty bitmap'],
    ['The SPTE of a direct shadow page belongs to one gfn, which avoids it'],
    ['For indirect shadow pages fast page fault is off'],
    ['Pinning the gfn before the cmpxchg would also do'],
    ['A pinned pfn cannot be freed and used for another gfn'],
    ['A writable pfn cannot be shared between gfns by KSM'],
    ['With the pin the dirty bitmap is right'],
  ],
  '2. dirty bit tracking': [
    ['Without fast page fault a read-only SPTE whose Accessed bit is set may be updated non-atomically'],
    ['With it the Dirty bit is lost in the interleaving of the table', FAULT],
    ['Always updating such an SPTE atomically, as volatile, avoids it', FAULT],
  ],
  '2. flush of TLBs': [
    [
      'Without a flush from writable to read-only, write protection meets a read-only SPTE while a TLB holds a writable one',
      FAULT,
    ],
    ['The check in mmu_spte_update() covers every change from present to present'],
    ['Since volatile SPTEs are updated atomically, the race with fast page fault is gone', FAULT],
  ],
  '2. lockless access tracking': [
    ['The notifier marks the PTE not-present and keeps R and X in ignored bits', FAULT],
    ['The next access faults, and fast page fault restores the PTE atomically', FAULT],
    ['W is not saved: whether it is set depends on the access being a write', FAULT],
    ['If it is not, W stays clear until a write, and dirty tracking sets it then', FAULT],
  ],
  '3. reference': [
    ['kvm_lock protects vm_list', LOCKS],
    ['kvm_count_lock is raw: enabling must be atomic with respect to migration'],
    ['mn_invalidate_lock protects mn_active_invalidate_count and mn_memslots_update_rcuwait'],
    ['tsc_write_lock protects the last write, its time and offset'],
    ['It is raw: updating the offsets must not be preempted'],
    ['mmu_lock protects shadow pages and shadow TLB entries', LOCKS],
    ['It spins, because MMU notifiers take it', { none: 'gives a reason for a kind of lock' }],
    ['kvm->srcu protects kvm->memslots'],
    ['kvm->srcu protects kvm->buses'],
    ['Memslots may be accessed only inside a read section', LOCKS],
    ['In-kernel devices may be looked up only inside a read section', LOCKS],
    ['The index of the section may be kept in vcpu->srcu_idx for several functions', LOCKS],
    ['slots_arch_lock protects fields of memslots that are changed inside a read section', LOCKS],
    ['It is held from before the memslots pointer is read until all changes are complete', LOCKS],
    ['wakeup_vcpus_on_cpu_lock protects the list of its CPU'],
    ['The wake-up vector finds the blocked vCPU on that list'],
    ['wakeup_vcpus_on_cpu_lock is a spinlock_t'],
  ],
});
