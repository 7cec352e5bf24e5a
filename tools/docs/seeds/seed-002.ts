import { seed } from './sentence.ts';

export const seed002 = seed('002', 'Fix potentially corrupt MMIO cache (ee3d1570b586)', {
  'commit message': [
    ['Exits and memslot updates run at the same time, as long as the vCPU does not take slots_lock'],
    ['So memslots may change under a vCPU that handles an exit'],
    [
      'With a second increment after the grace period a vCPU may cache a generation without one dereference for the whole exit',
    ],
    ['An exit does not keep one dereference of the memslots throughout'],
    ['The diagram: what was decided from the old memslots is tagged with the new generation'],
    ['The diagram: the wrong action goes on until the generation changes next, perhaps for ever'],
    ['The diagram, row 2: the read section is left before the decision'],
    ['With the second increment the generation read in row 6 becomes invalid soon after row 8'],
    ['The first increment is not strictly necessary'],
    ['It invalidates old cached MMIO at once, rather than after the grace period'],
    ['It helps when the updater is preempted right after synchronize_srcu()'],
    ['Presuming the low bit zero keeps the generation space of SPTEs whole'],
    ['It disables caching in SPTEs for the time of synchronize_srcu()'],
    ['It works like a seqcount that gives up instead of retrying'],
  ],
  'mmu.txt': [
    ['All pages are zapped when the generation in SPTEs overflows'],
    ['One access may read the memslots several times, last for the generation of the SPTE'],
    ['So an MMIO SPTE may combine old information with the new generation'],
    ['The low bit is 1 only during an update, while readers may use the old copy'],
    ['The low bit is not stored, so that no bit of the SPTE is lost'],
    ['An MMIO SPTE made while the low bit is 1 misses at the next access, always'],
  ],
  'the patch': [
    ['Bits 3-11 of the SPTE hold bits 1-9 of the generation, bits 52-61 hold bits 10-19'],
    ['Pages are zapped when the masked generation is 0, no longer when it reaches the largest value'],
    ['No update begins with an odd generation'],
    ['The second increment keeps an exit that raced from caching a generation that stays valid for ever'],
  ],
});
