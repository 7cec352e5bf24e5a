/** Making the APIC-access page: see apic-access-page.ts. */
import type { Task } from '@faultline/machine';
import { type Hva, PAGE_SIZE } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { setMemoryRegion } from '../virt/memory-region.ts';
import { apicAccessSlotId } from './apic-access-slot.ts';
import type { KvmArch } from './apicv-state.ts';

/** Makes the slot, once a VM; `hva` is a page that user space gave for it. Returns 0 or a negative errno. @kernel kvm_alloc_apic_access_page arch/x86/kvm/lapic.c */
export function* allocApicAccessPage(kvm: Kvm, hva: Hva): Task<number> {
  const arch = kvm.arch as KvmArch;
  let result = 0;
  yield* kvm.slotsLock.lock();
  if (arch.apicAccessMemslotEnabled === 0) {
    result = yield* setMemoryRegion(kvm, {
      slot: apicAccessSlotId(kvm),
      flags: 0,
      guestPhysAddr: BigInt(kvm.config.apicGfn) * BigInt(PAGE_SIZE),
      memorySize: BigInt(PAGE_SIZE),
      userspaceAddr: BigInt(hva),
    });
    if (result === 0) arch.apicAccessMemslotEnabled = 1;
  }
  yield* kvm.slotsLock.unlock();
  return result;
}
