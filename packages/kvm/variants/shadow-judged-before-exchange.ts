/** The bits that are reported to the host are those that were read, not those that were replaced. */
import type { Cell, Task } from '@faultline/machine';
import { type MmStruct, setPfnAccessed, setPfnDirty } from '../src/host/mm.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { pfnOf } from '../src/x86/spte.ts';
import { isAccessed, isDirty, isShadowPresent } from '../src/x86/spte-predicates.ts';
import { formatOf } from '../src/x86/tdp-spte.ts';

/** @replaces packages/kvm/src/x86/shadow/spte-update.ts#mmuSpteClearTrackBits 8fd7d79f */
export function* mmuSpteClearTrackBits(kvm: Kvm, sptep: Cell<bigint>): Task<bigint> {
  const format = formatOf(kvm);
  const old = yield* sptep.readOnce();
  yield* sptep.xchg(0n);
  if (!isShadowPresent(format, old)) return old;
  const mm = kvm.mmStruct as MmStruct;
  if (isAccessed(format, old)) yield* setPfnAccessed(mm, pfnOf(old));
  if (isDirty(format, old)) yield* setPfnDirty(mm, pfnOf(old));
  return old;
}
