/** The bit of the port is set after gpc->lock was dropped: the frame was looked up under it. */
import type { Task } from '@faultline/machine';
import { ENOTCONN, EWOULDBLOCK } from '../src/errno.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';
import { gpcCheck, gpcPage } from '../src/virt/pfncache.ts';
import type { GfnToPfnCache } from '../src/virt/pfncache-state.ts';
import { maskBit, pendingBit } from '../src/x86/xen-pages.ts';
import type { KvmXen } from '../src/x86/xen-state.ts';

/** @replaces packages/kvm/src/x86/xen-evtchn.ts#setPending 6c8a06aa */
export function* setPending(kvm: Kvm, _vcpu: Vcpu, port: number): Task<number> {
  const gpc = (kvm.xen as KvmXen).shinfoCache as GfnToPfnCache;
  yield* gpc.lock.readLock();
  const content = (yield* gpcCheck(kvm, gpc)) ? gpcPage(kvm, gpc).content : null;
  yield* gpc.lock.readUnlock();
  if (content === null) return -EWOULDBLOCK;
  const before = yield* content.fetchOr(pendingBit(port));
  if ((before & pendingBit(port)) !== 0n) return 0;
  return (before & maskBit(port)) !== 0n ? -ENOTCONN : 1;
}
