/** The reverse maps of a slot: which SPTEs lead to each of its frames. Here only whether there are any. */
import { type Cell, cell32, type StructType, struct, type View } from '@faultline/machine';

/** @kernel struct kvm_rmap_head arch/x86/include/asm/kvm_host.h */
export interface SlotRmap extends View {
  readonly entries: Cell<number>;
}

export const SlotRmap: StructType<SlotRmap> = struct('kvm_rmap_head', { entries: cell32 }, { as: 'rmap' });
