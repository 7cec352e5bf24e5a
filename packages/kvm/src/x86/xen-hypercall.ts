/**
 * @area xen
 *
 * What a vCPU does for its Xen guest: the hypercall EVTCHNOP_send, its timer, and waiting for events. All of it on the
 * vCPU's thread, with vcpu->mutex held, and inside kvm->srcu.
 */
import { smpMb, type Task } from '@faultline/machine';
import { ENOTCONN } from '../errno.ts';
import { eventfdSignal } from '../virt/eventfd.ts';
import { vcpuBlock } from '../virt/kick.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { gpcCheck, gpcPage } from '../virt/pfncache.ts';
import type { GfnToPfnCache } from '../virt/pfncache-state.ts';
import { checkRequest, Request } from '../virt/requests.ts';
import { unblock, xenHasInterrupt, xenInjectPendingEvents, xenSetEvtchn } from './xen-evtchn.ts';
import { idrFind } from './xen-idr.ts';
import { lockXen, unlockXen } from './xen-lock.ts';
import { pendingBit } from './xen-pages.ts';
import { type Evtchnfd, type KvmXen, NO_INDEX, type VcpuXen, XenEvtchn } from './xen-state.ts';

/** What the guest asked for is not KVM's to do: it goes to user space. */
export const NOT_HANDLED = null;

/**
 * The guest sends on a port. Returns what it gets as the result, or NOT_HANDLED for a port that is not in the table.
 * Inside kvm->srcu, which keeps the record alive.
 *
 * @kernel kvm_xen_hcall_evtchn_send arch/x86/kvm/xen.c
 */
export function* xenEvtchnSend(vcpu: Vcpu, port: number): Task<number | null> {
  const kvm = vcpu.kvm as Kvm;
  const record = yield* lookUpPort(kvm, port);
  if (record === null) return NOT_HANDLED;
  if (record.eventfd !== null) {
    signal_eventfd: yield* eventfdSignal(record.eventfd);
    return 0;
  }
  const result = yield* xenSetEvtchn(kvm, record.deliver);
  return result < 0 && result !== -ENOTCONN ? result : 0;
}

/** kvm->srcu protects the record, but the table's node is freed by RCU. */
export function* lookUpPort(kvm: Kvm, port: number): Task<Evtchnfd | null> {
  const section = yield* kvm.rcu.readLock();
  const record = yield* idrFind(kvm, port);
  yield* kvm.rcu.readUnlock(section);
  return record;
}

/**
 * The guest writes the MSR that asks for a page of hypercalls. Whether it is for a 64-bit guest is noted for the whole VM,
 * which changes how many ports there are. Inside kvm->srcu.
 *
 * @kernel kvm_xen_write_hypercall_page arch/x86/kvm/xen.c
 */
export function* xenWriteHypercallPage(vcpu: Vcpu, longMode: boolean): Task {
  const kvm = vcpu.kvm as Kvm;
  yield* lockXen(kvm);
  (kvm.xen as KvmXen).longMode = longMode ? 1 : 0;
  yield* unlockXen(kvm);
}

/** The timer of a vCPU has run out: in an interrupt. @kernel xen_timer_callback arch/x86/kvm/xen.c */
export function* xenTimerCallback(vcpu: Vcpu): Task {
  yield* (vcpu.xen as VcpuXen).timerPending.fetchAdd(1);
  wake_for_timer: yield* unblock(vcpu);
}

/** Before the vCPU enters its guest: its timer's event, if it has run out. @kernel kvm_xen_inject_timer_irqs arch/x86/kvm/xen.c */
export function* xenInjectTimerIrqs(vcpu: Vcpu): Task {
  const xen = vcpu.xen as VcpuXen;
  if ((yield* xen.timerPending.readOnce()) === 0) return;
  const xe = XenEvtchn.alloc();
  xe.port = xen.timerPort;
  xe.vcpuId.poke(vcpu.vcpuId);
  xe.vcpuIdx.poke(NO_INDEX);
  yield* xenSetEvtchn(vcpu.kvm as Kvm, xe);
  XenEvtchn.free(xe);
  yield* xen.timerPending.writeOnce(0);
}

/**
 * The guest sleeps until a port is pending, masked or not; then the hypercall returns. Inside kvm->srcu, which it leaves
 * to sleep.
 *
 * @kernel kvm_xen_schedop_poll arch/x86/kvm/xen.c
 */
export function* xenSchedopPoll(vcpu: Vcpu, port: number): Task {
  const kvm = vcpu.kvm as Kvm;
  const { polling } = vcpu.xen as VcpuXen;
  yield* polling.writeOnce(port + 1);
  // Pairs with the bit of the port and the look at who polls, in that order, of a sender.
  yield* smpMb();
  let pending = false;
  poll_after_saying_so: pending = yield* portPending(kvm, port);
  // Woken for another reason it would return as well; here only its port wakes it.
  while (!pending && (yield* polling.readOnce()) !== 0) {
    yield* vcpuBlock(vcpu);
    yield* checkRequest(vcpu, yield* vcpu.requests.readOnce(), Request.UNBLOCK);
  }
  yield* polling.writeOnce(0);
}

function* portPending(kvm: Kvm, port: number): Task<boolean> {
  const gpc = (kvm.xen as KvmXen).shinfoCache as GfnToPfnCache;
  const idx = yield* kvm.srcu.readLock();
  yield* gpc.lock.readLock();
  const usable = yield* gpcCheck(kvm, gpc);
  // A page that is not mapped now may have it pending: the guest looks for itself.
  const content = usable ? yield* gpcPage(kvm, gpc).content.readOnce() : pendingBit(port);
  yield* gpc.lock.readUnlock();
  yield* kvm.srcu.readUnlock(idx);
  return (content & pendingBit(port)) !== 0n;
}

/** The guest halts until it has an upcall. @kernel vcpu_block arch/x86/kvm/x86.c */
export function* xenHalt(vcpu: Vcpu): Task {
  const kvm = vcpu.kvm as Kvm;
  for (;;) {
    const pending = yield* vcpu.requests.readOnce();
    yield* checkRequest(vcpu, pending, Request.UNBLOCK);
    const idx = yield* kvm.srcu.readLock();
    yield* xenInjectTimerIrqs(vcpu);
    yield* xenInjectPendingEvents(vcpu);
    const upcall = yield* xenHasInterrupt(vcpu);
    yield* kvm.srcu.readUnlock(idx);
    if (upcall) return;
    // Asleep, it is outside kvm->srcu.
    yield* vcpuBlock(vcpu);
  }
}
