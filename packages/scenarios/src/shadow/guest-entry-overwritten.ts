import { gfn, type Pfn } from '@faultline/kvm';
import { frameWord, guestRead, makeGpte, writeGuest } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { A, B, entryFor, PAGE_A, type ShadowVm, shadowVm } from '../vm/shadow-vm.ts';

const TABLE = 2 as Pfn;

/**
 * KVM notes in the guest's own entry that it was used, as the hardware does. The guest may change that entry at the same
 * moment, from another vCPU: the note is added to what was read, so it may be made only as long as the entry is that.
 */
export const guestEntryOverwritten = scenario('shadow/guest-entry-overwritten', {
  title: 'the guest changes an entry of its table, and KVM puts the old one back with its note',
  source: 'FNAME(update_accessed_dirty_bits)',
  size: '2 vCPUs, 1 read through an entry that was not used before, 1 write to that entry, tables of 2 levels',
  defends: ['shadow.note_in_gpte'],
  *setup() {
    const vm = yield* shadowVm({ vcpus: 2 });
    frameWord(vm.kvm, TABLE, 0).poke(makeGpte(0));
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: ShadowVm) {
      return (yield* guestRead(vcpu, PAGE_A)).value;
    },
    *vcpu1({ vcpus }: ShadowVm) {
      return yield* writeGuest(vcpus[1] as ShadowVm['vcpu'], gfn(TABLE), entryFor(1));
    },
  },
  always: {
    'the entry is what the guest has written': (_, { kvm }) =>
      frameWord(kvm, TABLE, 0).peek() === entryFor(1),
  },
  sometimes: {
    'the reader is led by the old entry': ({ results }) => results.vcpu0 === A,
    'the reader is led by the new entry': ({ results }) => results.vcpu0 === B,
  },
});
