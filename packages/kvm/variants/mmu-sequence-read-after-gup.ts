/** The host is asked first, the sequence is read when it has answered. */

import type { Task } from '@faultline/machine';
import { hvaToPfnPinned } from '../src/host/gup.ts';
import { gfnOf } from '../src/types.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { hvaOf, KVM_MEM_READONLY, type Memslot } from '../src/virt/memslots.ts';
import type { Faultin } from '../src/x86/direct-page-fault.ts';
import type { PageFault } from '../src/x86/page-fault.ts';

/** @replaces packages/kvm/src/x86/direct-page-fault.ts#faultinPfn ae327aff */
/** @kernel kvm_faultin_pfn arch/x86/kvm/mmu/mmu.c */
export function* faultinPfn(vcpu: Vcpu, fault: PageFault, slot: Memslot): Task<Faultin | null> {
  const kvm = vcpu.kvm as Kvm;
  const hva = hvaOf(slot, gfnOf(fault.gpa));
  const gup = yield* hvaToPfnPinned(kvm, hva, fault.write);
  if (gup === null) return null;
  const seq = yield* kvm.mmuInvalidateSeq.readOnce();
  return { ...gup, writable: gup.writable && (slot.flags & KVM_MEM_READONLY) === 0, seq, hva };
}
