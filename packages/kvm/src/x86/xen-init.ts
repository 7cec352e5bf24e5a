/** A VM, and a vCPU, for a Xen guest: before anybody else can see them. */
import type { Kvm, Vcpu } from '../virt/kvm.ts';
import { GfnToPfnCache, KVM_HVA_ERR_BAD, PfnCaches } from '../virt/pfncache-state.ts';
import { KvmXen, VcpuXen } from './xen-state.ts';

/** @kernel kvm_xen_init_vm arch/x86/kvm/xen.c */
export function initXen(kvm: Kvm, longMode: boolean, usesKvmLock: boolean): void {
  if (kvm.mmStruct === null) throw new RangeError('a Xen guest needs the host memory of the `mmu` option');
  const xen = KvmXen.alloc();
  xen.longMode = longMode ? 1 : 0;
  xen.usesKvmLock = usesKvmLock ? 1 : 0;
  xen.shinfoCache = initGpc();
  kvm.xen = xen;
  kvm.pfnCaches = PfnCaches.alloc();
}

/** @kernel kvm_xen_init_vcpu arch/x86/kvm/xen.c */
export function initVcpuXen(vcpu: Vcpu): void {
  const xen = VcpuXen.alloc();
  xen.vcpuInfoCache = initGpc();
  vcpu.xen = xen;
}

/** Stands for nothing yet. @kernel kvm_gpc_init virt/kvm/pfncache.c */
export function initGpc(): GfnToPfnCache {
  const gpc = GfnToPfnCache.alloc();
  gpc.uhva = KVM_HVA_ERR_BAD;
  return gpc;
}
