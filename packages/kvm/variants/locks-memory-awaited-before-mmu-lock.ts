/** A fault allocates what it may need before it takes mmu_lock, and waits until there is memory. */
import { smpRmb, type Task } from '@faultline/machine';
import { hvaToPfnPinned } from '../src/host/gup.ts';
import { type MmStruct, putPage, waitForFrame } from '../src/host/mm.ts';
import { gfnOf } from '../src/types.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { hvaOf, type Memslot } from '../src/virt/memslots.ts';
import type { Faultin } from '../src/x86/direct-page-fault.ts';
import type { PageFault } from '../src/x86/page-fault.ts';

/** @replaces packages/kvm/src/x86/direct-page-fault.ts#faultinPfn ae327aff */
export function* faultinPfn(vcpu: Vcpu, fault: PageFault, slot: Memslot): Task<Faultin | null> {
  const kvm = vcpu.kvm as Kvm;
  const mm = kvm.mmStruct as MmStruct;
  yield* putPage(mm, yield* waitForFrame(mm));
  const seq = yield* kvm.mmuInvalidateSeq.readOnce();
  yield* smpRmb();
  const hva = hvaOf(slot, gfnOf(fault.gpa));
  const gup = yield* hvaToPfnPinned(kvm, hva, fault.write);
  return gup === null ? null : { ...gup, seq, hva };
}
