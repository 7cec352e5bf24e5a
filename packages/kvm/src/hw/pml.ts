/**
 * @area dirty
 *
 * Page-modification log: when the hardware sets the Dirty bit of an entry it notes the frame in a buffer of the vCPU, and
 * exits instead if that is full. KVM empties the buffer on every exit, and makes each vCPU exit before a harvest.
 *
 * As a remote flush does (x86/flush.ts), the sender of the kick executes the exit of the vCPU, between two of its
 * instructions.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import { markPageDirtyInSlot } from '../virt/dirty-log.ts';
import { KVM_MAX_VCPUS, type Kvm, type Vcpu } from '../virt/kvm.ts';
import type { Memslots } from '../virt/memslots.ts';
import { searchMemslots } from '../virt/memslots-search.ts';

/** On an exit, inside kvm->srcu or under slots_lock: the pages that the hardware noted are dirty. @kernel vmx_flush_pml_buffer arch/x86/kvm/vmx/vmx.c */
export function* flushPmlBuffer(vcpu: Vcpu, slots: Memslots): Task {
  const { pml, tlb } = vcpu;
  yield* tlb.lock.lock();
  for (let i = 0; i < pml.count; i++) {
    const gfn = pml.gfns.get(i) as Gfn;
    const slot = yield* searchMemslots(slots, gfn);
    if (slot !== null) yield* markPageDirtyInSlot(vcpu, slot, gfn);
  }
  pml.count = 0;
  yield* tlb.lock.unlock();
}

/** Under slots_lock: what vCPUs wrote so far is in the bitmaps. @kernel kvm_arch_sync_dirty_log arch/x86/kvm/x86.c */
export function* syncDirtyLog(kvm: Kvm, slots: Memslots): Task {
  if (kvm.config.pmlEntries === 0) return;
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = kvm.vcpus.at(i).peek();
    if (vcpu === null) return;
    yield* flushPmlBuffer(vcpu, slots);
  }
}
