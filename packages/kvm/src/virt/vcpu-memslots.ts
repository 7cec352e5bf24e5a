/**
 * @area memslots
 *
 * How a vCPU finds the slot of a frame. Inside a read section of kvm->srcu, or under slots_lock.
 */
import type { Task } from '@faultline/machine';
import type { Gfn } from '../types.ts';
import type { Kvm, Vcpu } from './kvm.ts';
import { contains, type Memslot, type Memslots } from './memslots.ts';
import { searchMemslots } from './memslots-search.ts';

/** The active slots of the vCPU's address space: 1 in SMM. @kernel kvm_vcpu_memslots arch/x86/kvm/mmu.h */
export function* vcpuMemslots(vcpu: Vcpu): Task<Memslots> {
  const kvm = vcpu.kvm as Kvm;
  const asId = kvm.config.addressSpaces > 1 ? vcpu.smm : 0;
  return (yield* kvm.memslots.at(asId).rcuDereference()) as Memslots;
}

/**
 * The slot of a frame, valid or not. The vCPU remembers its last hit for as long as the generation stands.
 *
 * @kernel kvm_vcpu_gfn_to_memslot virt/kvm/kvm_main.c
 */
export function* vcpuGfnToMemslot(vcpu: Vcpu, gfn: Gfn): Task<Memslot | null> {
  return yield* searchVcpuMemslots(vcpu, yield* vcpuMemslots(vcpu), gfn);
}

/** The same in slots that the vCPU has dereferenced. */
export function* searchVcpuMemslots(vcpu: Vcpu, slots: Memslots, gfn: Gfn): Task<Memslot | null> {
  if (slots.capacity > 0) return yield* searchMemslots(slots, gfn);
  const generation = yield* slots.generation.readOnce();
  forget_slot_of_old_generation: if (generation !== vcpu.lastUsedSlotGen) {
    vcpu.lastUsedSlot = null;
    vcpu.lastUsedSlotGen = generation;
  }
  const hint = vcpu.lastUsedSlot;
  if (hint !== null && contains(hint, gfn)) return hint;
  const slot = yield* searchMemslots(slots, gfn);
  if (slot !== null) vcpu.lastUsedSlot = slot;
  return slot;
}
