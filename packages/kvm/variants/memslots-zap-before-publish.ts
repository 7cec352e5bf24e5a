/** No INVALID phase: zap first, publish the set without the slot afterwards. A fault in between maps it again. */
import type { Task } from '@faultline/machine';
import { inactiveSet } from '../src/virt/install-memslots.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { copyMemslot, type Memslot, type Memslots } from '../src/virt/memslots.ts';
import { flushShadowMemslot, replaceMemslot } from '../src/virt/set-memslot.ts';

/** @replaces packages/kvm/src/virt/set-memslot.ts#invalidateMemslot 08aa1eae */
/** @kernel kvm_invalidate_memslot virt/kvm/kvm_main.c */
export function* invalidateMemslot(kvm: Kvm, old: Memslot, invalid: Memslot): Task {
  copyMemslot(invalid, old);
  yield* flushShadowMemslot(kvm);
  // Prepared for what follows, which replaces this copy in the set that is left behind.
  const active = (yield* kvm.memslots.at(old.asId).rcuDereference()) as Memslots;
  const inactive = inactiveSet(kvm, old.asId, active);
  yield* replaceMemslot(inactive, old, old);
}
