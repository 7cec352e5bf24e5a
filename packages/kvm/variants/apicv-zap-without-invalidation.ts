/** The APIC's entry is zapped without telling faults in flight: no invalidation begins or ends. */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../src/types.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { flushRemoteTlbs } from '../src/x86/flush.ts';
import { zapLeafs } from '../src/x86/tdp-zap.ts';

/** @replaces packages/kvm/src/x86/zap-gfn-range.ts#zapGfnRange d9439179 */
/** @kernel kvm_zap_gfn_range arch/x86/kvm/mmu/mmu.c */
export function* zapGfnRange(kvm: Kvm, start: Gfn, end: Gfn): Task {
  yield* kvm.mmuLock.writeLock();
  if (yield* zapLeafs(kvm, 0, start, end, false)) yield* flushRemoteTlbs(kvm);
  yield* kvm.mmuLock.writeUnlock();
}
