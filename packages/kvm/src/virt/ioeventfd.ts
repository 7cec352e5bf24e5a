/**
 * ioeventfd, the device: a guest's write to an address becomes a signal on an eventfd, without an exit to user space.
 * Setting them up and taking them down is in ioeventfd-ioctl.ts.
 */
import type { Task } from '@faultline/machine';
import { EOPNOTSUPP } from '../errno.ts';
import { type Eventfd, eventfdCtxPut, eventfdSignal } from './eventfd.ts';
import { Ioeventfd } from './io-bus-state.ts';
import type { Kvm } from './kvm.ts';

/** Runs in the vCPU's thread, inside its read section of kvm->srcu. @kernel ioeventfd_write virt/kvm/eventfd.c */
export function* ioeventfdWrite(p: Ioeventfd, addr: number, len: number, value: bigint): Task<number> {
  if (!ioeventfdInRange(p, addr, len, value)) return -EOPNOTSUPP;
  yield* eventfdSignal(p.eventfd as Eventfd);
  return 0;
}

/** @kernel ioeventfd_in_range virt/kvm/eventfd.c */
function ioeventfdInRange(p: Ioeventfd, addr: number, len: number, value: bigint): boolean {
  if (addr !== p.base) return false;
  if (p.length === 0) return true;
  return len === p.length && (p.wildcard === 1 || value === p.datamatch);
}

/** Frees it. Under slots_lock, and off the bus. @kernel ioeventfd_release virt/kvm/eventfd.c */
export function* ioeventfdRelease(kvm: Kvm, p: Ioeventfd): Task {
  yield* eventfdCtxPut(p.eventfd as Eventfd);
  unlink(kvm, p);
  Ioeventfd.free(p);
}

function unlink(kvm: Kvm, p: Ioeventfd): void {
  if (kvm.ioeventfds === p) {
    kvm.ioeventfds = p.next;
    return;
  }
  for (let q = kvm.ioeventfds; q !== null; q = q.next) if (q.next === p) q.next = p.next;
}
