/** What happens to whole tables: everything is zapped, as when NX huge pages are switched; a leaf is set by hand. */
import { type Gpa, gfn, type Kvm } from '@faultline/kvm';
import { directPageFault, lastSpte, tdpAccess, zapAllFast } from '@faultline/kvm/seams';
import type { Task } from '@faultline/machine';
import { GPA0, type MmuVm } from './mmu-vm.ts';

/** Zaps everything, with the slots as they are. @kernel set_nx_huge_pages arch/x86/kvm/mmu/mmu.c */
export function* zapEverything(kvm: Kvm): Task {
  yield* kvm.slotsLock.lock();
  yield* zapAllFast(kvm);
  yield* kvm.slotsLock.unlock();
}

const WRITABLE = 1n << 1n;
const DIRTY = 1n << 9n;

/** For set-up: leaves guest frame 0, or the huge page that it is part of, mapped, but clean and out of the TLB; read-only as well for `bits` 'both'. */
export function* cleanLeaf({ kvm, vcpu }: MmuVm, bits: 'dirty' | 'both'): Task {
  const { tdpIndexBits } = kvm.config;
  const found = yield* lastSpte(vcpu, gfn(0));
  if (found === null) throw new Error('guest frame 0 is not mapped');
  found.sptep.poke(found.spte & ~(bits === 'both' ? WRITABLE | DIRTY : DIRTY));
  for (let i = 0; i < 2 ** ((found.level - 1) * tdpIndexBits); i++) vcpu.tlb.entries.set(i, 0n);
}

/** One instruction of the guest, a store, to guest frame 0 when left out. Returns whether it was done; if it faults, KVM is not asked. */
export function* storeOnce({ vcpu }: MmuVm, value: bigint, gpa: Gpa = GPA0): Task<boolean> {
  return 'value' in (yield* tdpAccess(vcpu, gpa, true, value));
}

/** One write fault of guest frame 0, whatever comes of it. */
export function* faultOnce({ kvm, vcpu }: MmuVm): Task {
  const idx = yield* kvm.srcu.readLock();
  yield* directPageFault(vcpu, { gpa: GPA0, write: true, spte: 0n, slots: null, waitFor: [] });
  yield* kvm.srcu.readUnlock(idx);
}
