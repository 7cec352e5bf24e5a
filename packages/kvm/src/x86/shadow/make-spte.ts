/**
 * @area shadow
 *
 * What an entry of the shadow MMU says: what the guest's own entries allow, as far as the host does, and not what would
 * let the guest write a table that is mirrored without anybody noticing.
 */
import type { Task } from '@faultline/machine';
import type { Pfn } from '../../types.ts';
import { markPageDirtyInSlot } from '../../virt/dirty-log.ts';
import type { Kvm, Vcpu } from '../../virt/kvm.ts';
import type { Memslot } from '../../virt/memslots.ts';
import { PT_WRITABLE } from '../spte-format.ts';
import { checkSpte } from '../spte-predicates.ts';
import { formatOf } from '../tdp-spte.ts';
import { ACC_USER, ACC_WRITE } from './guest-tables.ts';
import { mmuTryToUnsyncPages, type UnsyncWish } from './unsync.ts';

/** What decides about an entry. */
export interface Mapping extends UnsyncWish {
  readonly slot: Memslot;
  readonly pfn: Pfn;
  /** What the guest allows. */
  readonly access: number;
  readonly hostWritable: boolean;
  /** The entry that stands there. */
  readonly old: bigint;
}

/** Under mmu_lock. `wrprot`: a write has to be emulated, because the page is a table that is mirrored. @kernel make_spte arch/x86/kvm/mmu/spte.c */
export function* makeShadowSpte(vcpu: Vcpu, mapping: Mapping): Task<{ spte: bigint; wrprot: boolean }> {
  const kvm = vcpu.kvm as Kvm;
  const f = formatOf(kvm);
  const { slot, gfn, pfn, access, hostWritable, old } = mapping;
  let spte = (BigInt(pfn) << 12n) | f.mmuPresent | f.readable | f.accessed;
  if ((access & ACC_USER) !== 0) spte |= f.user;
  if (hostWritable) spte |= f.hostWritable;
  let wrprot = false;
  if (hostWritable && (access & ACC_WRITE) !== 0) {
    // An entry that was writable stays so: nobody has mirrored the page since, or it would not be.
    if ((old & PT_WRITABLE) === 0n) {
      protect_mirrored_tables: wrprot = !(yield* mmuTryToUnsyncPages(kvm, mapping));
    }
    if (!wrprot) spte |= PT_WRITABLE | f.mmuWritable | f.dirty;
  }
  checkSpte(f, spte);
  if ((spte & PT_WRITABLE) !== 0n) yield* markPageDirtyInSlot(vcpu, slot, gfn);
  return { spte, wrprot };
}
