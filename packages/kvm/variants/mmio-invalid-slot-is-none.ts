/** A fault that finds an INVALID slot takes it for no slot at all. */
import type { Task } from '@faultline/machine';
import { type HostMemory, hvaToPfn } from '../src/host/memory.ts';
import { gfnOf } from '../src/types.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { hvaOf, KVM_MEMSLOT_INVALID } from '../src/virt/memslots.ts';
import { searchVcpuMemslots, vcpuMemslots } from '../src/virt/vcpu-memslots.ts';
import { handleNoslotFault, type PageFault, tdpMap } from '../src/x86/page-fault.ts';
import { RetPf } from '../src/x86/ret-pf.ts';
import { makeSpte } from '../src/x86/spte.ts';

/** @replaces packages/kvm/src/x86/page-fault.ts#tdpPageFault 2536a5cb */
/** @kernel kvm_tdp_page_fault arch/x86/kvm/mmu/mmu.c */
export function* tdpPageFault(vcpu: Vcpu, fault: PageFault): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const gfn = gfnOf(fault.gpa);
  fault.slots = yield* vcpuMemslots(vcpu);
  const slot = yield* searchVcpuMemslots(vcpu, fault.slots, gfn);
  if (slot === null || (slot.flags & KVM_MEMSLOT_INVALID) !== 0) return yield* handleNoslotFault(vcpu, gfn);
  const pfn = hvaToPfn(kvm.memory as HostMemory, hvaOf(slot, gfn));
  if (pfn === null) return RetPf.EMULATE;
  return yield* tdpMap(vcpu, gfn, makeSpte(pfn, true, kvm.config.npt === 1));
}
