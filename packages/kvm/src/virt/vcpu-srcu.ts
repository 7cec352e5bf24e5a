/**
 * The section of kvm->srcu in which a vCPU's run loop is. It is opened in one function and closed in another, so its index
 * stands in the vCPU; there is one place, and so one level. Whoever needs a section of his own inside keeps his index.
 */
import type { Task } from '@faultline/machine';
import { ioBusWrite } from './io-bus.ts';
import type { Kvm, Vcpu } from './kvm.ts';

/** @kernel kvm_vcpu_srcu_read_lock include/linux/kvm_host.h */
export function* vcpuSrcuReadLock(vcpu: Vcpu): Task {
  vcpu.srcuIdx = yield* (vcpu.kvm as Kvm).srcu.readLock();
}

/** @kernel kvm_vcpu_srcu_read_unlock include/linux/kvm_host.h */
export function* vcpuSrcuReadUnlock(vcpu: Vcpu): Task {
  yield* (vcpu.kvm as Kvm).srcu.readUnlock(vcpu.srcuIdx);
}

/** A write to a bus by a function that does not know whether its caller is in a section: it opens its own. */
export function* vcpuBusWrite(vcpu: Vcpu, bus: number, addr: number, value: bigint): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  const idx = yield* kvm.srcu.readLock();
  const result = yield* ioBusWrite(kvm, bus, addr, 8, value);
  yield* kvm.srcu.readUnlock(idx);
  return result;
}
