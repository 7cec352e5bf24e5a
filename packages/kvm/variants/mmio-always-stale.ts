/** Every MMIO SPTE is treated as stale: each access decides anew. Slow, and right. */
import type { Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import { vcpuMemslots } from '../src/virt/vcpu-memslots.ts';

/** @replaces packages/kvm/src/x86/mmio-fault.ts#checkMmioSpte 26a2dd3c */
/** @kernel check_mmio_spte arch/x86/kvm/mmu/mmu.c */
export function* checkMmioSpte(vcpu: Vcpu, _spte: bigint): Task<boolean> {
  const slots = yield* vcpuMemslots(vcpu);
  yield* slots.generation.readOnce();
  return false;
}
