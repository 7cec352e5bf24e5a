/**
 * @area dirty
 *
 * The side of user space: the VMM maps each vCPU's ring, copies what the kernel published, and gives the entries back.
 * A page's content may be copied only after the ioctl that resets its entry has returned: until then the page is not armed.
 */
import { at, type Task } from '@faultline/machine';
import {
  type DirtyRing,
  entryOf,
  KVM_DIRTY_GFN_F_DIRTY,
  KVM_DIRTY_GFN_F_RESET,
} from '../virt/dirty-ring-state.ts';
import type { Vcpu } from '../virt/kvm.ts';

/** A page that a ring names. */
export interface ReapedPage {
  readonly slot: number;
  readonly offset: number;
}

/**
 * Takes what stands in the ring of this vCPU from entry `from` on, and marks it for the next KVM_RESET_DIRTY_RINGS. One
 * thread of the VMM at a time. The next call starts from `from` plus the number of pages.
 */
export function* reapDirtyRing(vcpu: Vcpu, from: number): Task<ReapedPage[]> {
  const ring = vcpu.dirtyRing as DirtyRing;
  const reaped: ReapedPage[] = [];
  for (let index = from; reaped.length < ring.size; index++) {
    const entry = entryOf(ring, index);
    const flags = yield* entry.flags.loadAcquire(at('dirty.load_dirty_flag'));
    if (flags !== KVM_DIRTY_GFN_F_DIRTY) break;
    reaped.push({ slot: entry.slot, offset: entry.offset });
    // The entry was copied: the kernel may have it back.
    yield* entry.flags.storeRelease(KVM_DIRTY_GFN_F_RESET, at('dirty.hand_entry_back'));
  }
  return reaped;
}
