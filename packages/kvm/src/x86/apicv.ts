/**
 * @area apicv
 *
 * Turning APIC virtualization off and on while vCPUs run. The VM's state is a set of reasons against it; each vCPU has a
 * state of its own, which follows when it serves KVM_REQ_APICV_UPDATE. In between the two differ, and what keeps that
 * harmless is the order: all vCPUs are asked and out of their guests before the reasons change, and none gets back in
 * before it has taken apicv_update_lock, which is released after the APIC's entry is zapped.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import { makeAllCpusRequest } from '../virt/kick.ts';
import type { Kvm } from '../virt/kvm.ts';
import { Request } from '../virt/requests.ts';
import { INHIBITS_OF, type KvmArch } from './apicv-state.ts';
import { zapGfnRange } from './zap-gfn-range.ts';

/** Something begins, or ceases, to speak against APICv. Sleeps. @kernel kvm_set_or_clear_apicv_inhibit arch/x86/kvm/x86.c */
export function* setOrClearApicvInhibit(kvm: Kvm, reason: number, set: boolean): Task {
  const { apicvUpdateLock } = kvm.arch as KvmArch;
  yield* apicvUpdateLock.writeLock();
  yield* changeInhibit(kvm, reason, set);
  yield* apicvUpdateLock.writeUnlock();
}

/** Under apicv_update_lock held for write. @kernel __kvm_set_or_clear_apicv_inhibit arch/x86/kvm/x86.c */
export function* changeInhibit(kvm: Kvm, reason: number, set: boolean): Task {
  const { apicvInhibitReasons } = kvm.arch as KvmArch;
  const bit = 1 << reason;
  if (((INHIBITS_OF[kvm.config.apicv] as number) & bit) === 0) return;
  const old = yield* apicvInhibitReasons.readOnce();
  const next = set ? old | bit : old & ~bit;
  if ((old === 0) === (next === 0)) {
    yield* apicvInhibitReasons.writeOnce(next);
    return;
  }
  // First: when this returns no vCPU is in its guest in the old state, and whoever comes back waits for the lock.
  request_update_first: yield* makeAllCpusRequest(kvm, Request.APICV_UPDATE);
  yield* apicvInhibitReasons.writeOnce(next);
  if (next === 0) return;
  const idx = yield* kvm.srcu.readLock();
  // Before the lock is released: a vCPU whose APICv is off takes what the entry names for plain memory.
  zap_apic_page: yield* zapGfnRange(kvm, kvm.config.apicGfn, (kvm.config.apicGfn + 1) as Gfn);
  yield* kvm.srcu.readUnlock(idx);
}
