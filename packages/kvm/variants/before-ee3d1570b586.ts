/**
 * The code before ee3d1570b586 ("kvm: fix potentially corrupt mmio cache"): one increment of the generation, with the
 * change itself, and 19 bits of it in an MMIO SPTE, the low one included.
 */
import { at, type Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { MmioLayout } from '../src/virt/kvm-config.ts';
import type { Memslots } from '../src/virt/memslots.ts';
import { archMemslotsUpdated } from '../src/x86/memslots-updated.ts';
import { type GenerationBits, LAYOUTS } from '../src/x86/mmio-spte.ts';

/** @replaces packages/kvm/src/virt/install-memslots.ts#installNewMemslots 8a30eebc */
/** @kernel install_new_memslots virt/kvm/kvm_main.c */
export function* installNewMemslots(kvm: Kvm, slots: Memslots): Task<Memslots> {
  const old = (yield* kvm.memslots.at(0).rcuDereference()) as Memslots;
  yield* slots.generation.writeOnce((yield* old.generation.readOnce()) + 1);
  yield* kvm.memslots.at(0).assign(slots, at('memslots.publish_slots'));
  yield* kvm.srcu.synchronize();
  yield* archMemslotsUpdated(kvm, yield* slots.generation.readOnce());
  return old;
}

/** @replaces packages/kvm/src/x86/mmio-spte.ts#generationBits ddac00d4 */
export function generationBits(_layout: number): GenerationBits {
  return LAYOUTS[MmioLayout.BEFORE_2014] as GenerationBits;
}
