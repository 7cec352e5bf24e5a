/** vCPUs are asked to follow, and the reasons change before they are out of their guests. */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../src/types.ts';
import { makeAllCpusRequest } from '../src/virt/kick.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { Request, WAIT } from '../src/virt/requests.ts';
import { INHIBITS_OF, type KvmArch } from '../src/x86/apicv-state.ts';
import { zapGfnRange } from '../src/x86/zap-gfn-range.ts';

/** @replaces packages/kvm/src/x86/apicv.ts#changeInhibit cd336628 */
/** @kernel __kvm_set_or_clear_apicv_inhibit arch/x86/kvm/x86.c */
export function* changeInhibit(kvm: Kvm, reason: number, set: boolean): Task {
  const { apicvInhibitReasons } = kvm.arch as KvmArch;
  const bit = 1 << reason;
  if (((INHIBITS_OF[kvm.config.apicv] as number) & bit) === 0) return;
  const old = yield* apicvInhibitReasons.readOnce();
  const next = set ? old | bit : old & ~bit;
  if ((old === 0) !== (next === 0)) yield* makeAllCpusRequest(kvm, Request.APICV_UPDATE & ~WAIT);
  yield* apicvInhibitReasons.writeOnce(next);
  if (next === 0 || old !== 0) return;
  const idx = yield* kvm.srcu.readLock();
  yield* zapGfnRange(kvm, kvm.config.apicGfn, (kvm.config.apicGfn + 1) as Gfn);
  yield* kvm.srcu.readUnlock(idx);
}
