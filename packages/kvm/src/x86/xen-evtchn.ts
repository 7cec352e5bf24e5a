/**
 * @area xen
 *
 * Delivering an event: the port's bit in the guest's shared_info, the word's bit and the upcall flag in its vcpu_info,
 * and a vCPU that is made to look. In this order, because the guest looks the other way round: flag, word, port.
 *
 * Both pages are reached through caches that the host or the VMM may invalidate at any time. Without vcpu_info the word
 * is noted in the vCPU, which passes it on. Without shared_info the fast way gives up, and the slow one maps it again.
 */
import type { Task } from '@faultline/machine';
import { EINVAL, ENOTCONN, EWOULDBLOCK } from '../errno.ts';
import { getVcpu } from '../virt/create-vcpu.ts';
import { acceptIrq, vcpuKick } from '../virt/kick.ts';
import { KVM_MAX_VCPUS, type Kvm, type Vcpu } from '../virt/kvm.ts';
import { gpcCheck, gpcPage, gpcRefreshSame } from '../virt/pfncache.ts';
import type { GfnToPfnCache } from '../virt/pfncache-state.ts';
import { makeRequest, Request } from '../virt/requests.ts';
import { lockXen, unlockXen } from './xen-lock.ts';
import { bitsPerWord, maskBit, maxEvtchnPort, pendingBit, selBit, UPCALL_PENDING } from './xen-pages.ts';
import { type KvmXen, NO_INDEX, type VcpuXen, type XenEvtchn } from './xen-state.ts';

/**
 * Delivers, mapping shared_info again if need be. Sleeps; the caller may hold vcpu->mutex and be inside kvm->srcu. 1 if
 * delivered, 0 if the port was pending already, -ENOTCONN if it is masked, else another negative errno.
 *
 * @kernel kvm_xen_set_evtchn arch/x86/kvm/xen.c
 */
export function* xenSetEvtchn(kvm: Kvm, xe: XenEvtchn): Task<number> {
  const first = yield* xenSetEvtchnFast(kvm, xe);
  take_slow_way: if (first === -EWOULDBLOCK) return yield* setEvtchnSlow(kvm, xe);
  return first;
}

export function* setEvtchnSlow(kvm: Kvm, xe: XenEvtchn): Task<number> {
  let result: number;
  yield* lockXen(kvm);
  do {
    // Somebody else may have mapped it before we had the lock, and the host may take it again before we use it.
    result = yield* xenSetEvtchnFast(kvm, xe);
    if (result !== -EWOULDBLOCK) break;
    const idx = yield* kvm.srcu.readLock();
    map_shared_info_again: result = yield* gpcRefreshSame(kvm, shinfo(kvm));
    yield* kvm.srcu.readUnlock(idx);
  } while (result === 0);
  yield* unlockXen(kvm);
  return result;
}

/**
 * The same in any context, never waiting: -EWOULDBLOCK if shared_info is not mapped.
 *
 * @kernel kvm_xen_set_evtchn_fast arch/x86/kvm/xen.c
 */
export function* xenSetEvtchnFast(kvm: Kvm, xe: XenEvtchn): Task<number> {
  const vcpu = yield* targetOf(kvm, xe);
  if (vcpu === null || xe.port >= maxEvtchnPort(kvm)) return -EINVAL;
  const idx = yield* kvm.srcu.readLock();
  const result = yield* setPending(kvm, vcpu, xe.port);
  let kick = false;
  if (result === 1) kick = yield* setSelector(kvm, vcpu, Math.floor(xe.port / bitsPerWord(kvm)));
  yield* kvm.srcu.readUnlock(idx);
  if (kick) yield* unblock(vcpu);
  return result;
}

const shinfo = (kvm: Kvm) => (kvm.xen as KvmXen).shinfoCache as GfnToPfnCache;
const vcpuInfo = (vcpu: Vcpu) => (vcpu.xen as VcpuXen).vcpuInfoCache as GfnToPfnCache;

/** The vCPU that an event is for; null if there is none. Its index is remembered. */
export function* targetOf(kvm: Kvm, xe: XenEvtchn): Task<Vcpu | null> {
  const known = yield* xe.vcpuIdx.readOnce();
  if (known !== NO_INDEX) return yield* getVcpu(kvm, known);
  const id = yield* xe.vcpuId.readOnce();
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = yield* getVcpu(kvm, i);
    if (vcpu === null) return null;
    if (vcpu.vcpuId !== id) continue;
    yield* xe.vcpuIdx.writeOnce(i);
    return vcpu;
  }
  return null;
}

/** In shared_info: 1 if the port is pending now and was not. Inside kvm->srcu. */
export function* setPending(kvm: Kvm, vcpu: Vcpu, port: number): Task<number> {
  const gpc = shinfo(kvm);
  // Held until the bit is set: the host cannot take the frame in between.
  yield* gpc.lock.readLock();
  let result = -EWOULDBLOCK;
  if (yield* gpcCheck(kvm, gpc)) {
    const before = yield* gpcPage(kvm, gpc).content.fetchOr(pendingBit(port));
    if ((before & pendingBit(port)) !== 0n) result = 0;
    else if ((before & maskBit(port)) !== 0n) result = -ENOTCONN;
    else result = 1;
    if (result === -ENOTCONN) yield* checkPoller(vcpu, port);
  }
  yield* gpc.lock.readUnlock();
  return result;
}

/** In vcpu_info, or in the vCPU while that cannot be reached. Returns whether the vCPU has to be woken. Inside kvm->srcu. */
export function* setSelector(kvm: Kvm, vcpu: Vcpu, word: number): Task<boolean> {
  const xen = vcpu.xen as VcpuXen;
  const gpc = vcpuInfo(vcpu);
  let kick = false;
  yield* gpc.lock.readLock();
  if (yield* gpcCheck(kvm, gpc)) {
    const { content } = gpcPage(kvm, gpc);
    if (((yield* content.fetchOr(selBit(word))) & selBit(word)) === 0n) {
      yield* content.fetchOr(UPCALL_PENDING);
      kick = true;
    }
  } else {
    const bit = 1 << word;
    let noted = 0;
    note_word_in_vcpu: noted = yield* xen.evtchnPendingSel.fetchOr(bit);
    // The vCPU passes it on, if it runs.
    kick_for_noted_word: if ((noted & bit) === 0) kick = true;
  }
  if (kick && xen.upcallVector !== 0) {
    yield* acceptIrq(vcpu, xen.upcallVector);
    kick = false;
  }
  yield* gpc.lock.readUnlock();
  return kick;
}

/** Wakes a vCPU that sleeps until this port is pending, though masked. @kernel kvm_xen_check_poller arch/x86/kvm/xen.c */
function* checkPoller(vcpu: Vcpu, port: number): Task {
  const xen = vcpu.xen as VcpuXen;
  const polled = yield* xen.polling.readOnce();
  if (polled !== port + 1) return;
  wake_poller: if ((yield* xen.polling.cmpxchg(polled, 0)) === polled) yield* unblock(vcpu);
}

/** It looks at its requests, and at what is pending for its guest. */
export function* unblock(vcpu: Vcpu): Task {
  yield* makeRequest(vcpu, Request.UNBLOCK);
  yield* vcpuKick(vcpu);
}

/**
 * What could not be noted in vcpu_info is, now. On the vCPU's thread, before it enters its guest; inside kvm->srcu.
 *
 * @kernel kvm_xen_inject_pending_events arch/x86/kvm/xen.c
 */
export function* xenInjectPendingEvents(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  const xen = vcpu.xen as VcpuXen;
  const sel = yield* xen.evtchnPendingSel.readOnce();
  if (sel === 0) return;
  const gpc = vcpuInfo(vcpu);
  yield* gpc.lock.readLock();
  while (!(yield* gpcCheck(kvm, gpc))) {
    yield* gpc.lock.readUnlock();
    if ((yield* gpcRefreshSame(kvm, gpc)) !== 0) return;
    yield* gpc.lock.readLock();
  }
  const { content } = gpcPage(kvm, gpc);
  pass_noted_words_on: yield* content.fetchOr(BigInt(sel));
  // Only the words that were passed on: others may have been noted since.
  yield* xen.evtchnPendingSel.fetchAndnot(sel);
  yield* content.fetchOr(UPCALL_PENDING);
  yield* gpc.lock.readUnlock();
  if (xen.upcallVector !== 0) yield* acceptIrq(vcpu, xen.upcallVector);
}

/**
 * Whether the guest has an upcall pending; vcpu_info is mapped again if need be. On the vCPU's thread, inside kvm->srcu.
 *
 * @kernel __kvm_xen_has_interrupt arch/x86/kvm/xen.c
 */
export function* xenHasInterrupt(vcpu: Vcpu): Task<boolean> {
  const kvm = vcpu.kvm as Kvm;
  const gpc = vcpuInfo(vcpu);
  yield* gpc.lock.readLock();
  while (!(yield* gpcCheck(kvm, gpc))) {
    yield* gpc.lock.readUnlock();
    if ((yield* gpcRefreshSame(kvm, gpc)) !== 0) return false;
    yield* gpc.lock.readLock();
  }
  const info = yield* gpcPage(kvm, gpc).content.readOnce();
  yield* gpc.lock.readUnlock();
  return (info & UPCALL_PENDING) !== 0n;
}
