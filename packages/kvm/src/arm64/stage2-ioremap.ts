/**
 * @area arm64
 *
 * Devices are mapped before the guest touches them: the GIC's CPU interface when the first vCPU runs, and device memory of user space
 * with its slot. Both are ioctls, by tasks of the VM's own address space.
 */
import type { Task } from '@faultline/machine';
import { topUpMemoryCache } from '../host/user-mm.ts';
import type { Gfn, Pfn } from '../types.ts';
import { leafEntry, PTE, S2_DEVICE } from './stage2-table.ts';
import { stage2SetPte } from './stage2-walk.ts';
import type { ArmKvm, ArmSlot, UserMm } from './state.ts';

/** 0 or -EFAULT, with what came before left in place. @kernel kvm_phys_addr_ioremap virt/kvm/arm/mmu.c */
export function* physAddrIoremap(kvm: ArmKvm, gfn: Gfn, pfn: Pfn, pages: number): Task<number> {
  for (let i = 0; i < pages; i++) {
    const entry = leafEntry((pfn + i) as Pfn, PTE, true) | S2_DEVICE;
    yield* topUpMemoryCache(kvm.mm as UserMm);
    yield* kvm.mmuLock.lock();
    const result = yield* stage2SetPte(kvm, (gfn + i) as Gfn, entry, { grow: true, iomap: true });
    yield* kvm.mmuLock.unlock();
    if (result !== 0) return result;
  }
  return 0;
}

/** Once, by the vCPU that runs first. @kernel kvm_vgic_map_resources virt/kvm/arm/vgic/vgic-init.c */
export function* vgicMapResources(kvm: ArmKvm, gfn: Gfn, pfn: Pfn): Task<number> {
  yield* kvm.lock.lock();
  let result = 0;
  if (kvm.vgicReady === 0) {
    result = yield* physAddrIoremap(kvm, gfn, pfn, 1);
    if (result === 0) kvm.vgicReady = 1;
  }
  yield* kvm.lock.unlock();
  return result;
}

/** The slot is device memory of user space. @kernel kvm_arch_prepare_memory_region virt/kvm/arm/mmu.c */
export function* prepareMemoryRegion(kvm: ArmKvm, slot: ArmSlot, pfn: Pfn): Task<number> {
  return yield* physAddrIoremap(kvm, slot.baseGfn as Gfn, pfn, slot.npages);
}
