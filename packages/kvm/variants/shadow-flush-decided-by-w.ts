/** Whether TLBs have to be flushed is decided by W, before the entry is changed. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import type { Entry } from '../src/x86/shadow/rmap.ts';
import { mmuSpteUpdate } from '../src/x86/shadow/spte-update.ts';
import { PT_WRITABLE } from '../src/x86/spte-format.ts';
import { isMmuWritable } from '../src/x86/spte-predicates.ts';
import { formatOf } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/shadow/protect.ts#spteWriteProtect 4ce3074c */
export function* spteWriteProtect(kvm: Kvm, { sptep }: Entry, ptProtect: boolean): Task<boolean> {
  const format = formatOf(kvm);
  const spte = yield* sptep.readOnce();
  const flush = (spte & PT_WRITABLE) !== 0n;
  if (!flush && !(ptProtect && isMmuWritable(format, spte))) return false;
  yield* mmuSpteUpdate(kvm, sptep, spte & ~(PT_WRITABLE | (ptProtect ? format.mmuWritable : 0n)));
  return flush;
}
