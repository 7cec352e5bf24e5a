/**
 * @area xen
 *
 * What the VMM says about a Xen guest: KVM_XEN_HVM_SET_ATTR of the VM, KVM_XEN_VCPU_SET_ATTR of a vCPU, and
 * KVM_XEN_HVM_EVTCHN_SEND.
 */
import type { Task } from '@faultline/machine';
import { EINVAL, ENOTCONN } from '../errno.ts';
import { type Gfn, type Gpa, gpaOf } from '../types.ts';
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { gpcActivate, gpcDeactivate } from '../virt/pfncache.ts';
import type { GfnToPfnCache } from '../virt/pfncache-state.ts';
import { xenSetEvtchn } from './xen-evtchn.ts';
import { lockXen, unlockXen } from './xen-lock.ts';
import { maxEvtchnPort } from './xen-pages.ts';
import { type KvmXen, NO_INDEX, type VcpuXen, XenEvtchn } from './xen-state.ts';

/** KVM_XEN_ATTR_TYPE_SHARED_INFO: where the page is; null: nowhere. @kernel kvm_xen_shared_info_init arch/x86/kvm/xen.c */
export function* xenSetSharedInfo(kvm: Kvm, gfn: Gfn | null): Task<number> {
  yield* lockXen(kvm);
  const idx = yield* kvm.srcu.readLock();
  const result = yield* pointAt(
    kvm,
    (kvm.xen as KvmXen).shinfoCache as GfnToPfnCache,
    gfn === null ? null : gpaOf(gfn),
  );
  yield* kvm.srcu.readUnlock(idx);
  yield* unlockXen(kvm);
  return result;
}

/** KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, an ioctl of the vCPU. @kernel kvm_xen_vcpu_set_attr arch/x86/kvm/xen.c */
export function* xenSetVcpuInfo(vcpu: Vcpu, gpa: Gpa | null): Task<number> {
  const kvm = vcpu.kvm as Kvm;
  yield* vcpu.mutex.lock();
  yield* lockXen(kvm);
  const idx = yield* kvm.srcu.readLock();
  const result = yield* pointAt(kvm, (vcpu.xen as VcpuXen).vcpuInfoCache as GfnToPfnCache, gpa);
  yield* kvm.srcu.readUnlock(idx);
  yield* unlockXen(kvm);
  yield* vcpu.mutex.unlock();
  return result;
}

/** KVM_XEN_VCPU_GET_ATTR of the same: where vcpu_info is, or null. @kernel kvm_xen_vcpu_get_attr arch/x86/kvm/xen.c */
export function* xenGetVcpuInfo(vcpu: Vcpu): Task<Gpa | null> {
  const gpc = (vcpu.xen as VcpuXen).vcpuInfoCache as GfnToPfnCache;
  yield* vcpu.mutex.lock();
  yield* lockXen(vcpu.kvm as Kvm);
  yield* gpc.lock.readLock();
  const gpa = gpc.active === 1 ? gpc.gpa : null;
  yield* gpc.lock.readUnlock();
  yield* unlockXen(vcpu.kvm as Kvm);
  yield* vcpu.mutex.unlock();
  return gpa;
}

export function* pointAt(kvm: Kvm, gpc: GfnToPfnCache, gpa: Gpa | null): Task<number> {
  if (gpa !== null) return yield* gpcActivate(kvm, gpc, gpa);
  yield* gpcDeactivate(kvm, gpc);
  return 0;
}

/** KVM_XEN_HVM_EVTCHN_SEND: 0, masked or not, or a negative errno. Holds no lock. @kernel kvm_xen_hvm_evtchn_send arch/x86/kvm/xen.c */
export function* xenHvmEvtchnSend(kvm: Kvm, port: number, vcpu: number): Task<number> {
  if (port === 0 || port >= maxEvtchnPort(kvm)) return -EINVAL;
  const xe = XenEvtchn.alloc();
  xe.port = port;
  xe.vcpuId.poke(vcpu);
  xe.vcpuIdx.poke(NO_INDEX);
  const result = yield* xenSetEvtchn(kvm, xe);
  XenEvtchn.free(xe);
  return result > 0 || result === -ENOTCONN ? 0 : result;
}
