import { seed } from './sentence.ts';

export const seed003 = seed('003', 'Document mmu-lock and fast page fault (2012, v4)', {
  'fast page fault': [
    ['A fault is fast only if the shadow page is present and the cause is write protection'],
    ['HOST_WRITEABLE: writable on the host', { none: 'defines a word; used by the others' }],
    ["MMU_WRITEABLE: writable in the guest's MMU", { none: 'defines a word; used by the others' }],
    [
      'WRITE_PROTECT: protected for the sake of a shadow page',
      { none: 'defines a word; used by the others' },
    ],
    ['W is set by cmpxchg if HOST_WRITEABLE is 1, WRITE_PROTECT is 1 and WRITE_PROTECT is 0'],
    ['Any change of these bits is noticed by the cmpxchg'],
  ],
  '1): from gfn to pfn': [
    ['gfn1 may lose its pfn to gfn2 and the cmpxchg still succeed: gfn2 is missing from the dirty bitmap'],
    ['The SPTE of a direct shadow page belongs to one gfn, which avoids it'],
    ['For indirect shadow pages the gfn is pinned before the cmpxchg'],
    ['A pinned pfn cannot be freed and used for another gfn'],
    ['A writable pfn cannot be shared between gfns by KSM'],
    ['With the pin the dirty bitmap is right'],
  ],
  '2): flush of TLBs': [
    ['rmap_write_protect() has to flush if both writable bits are set, even when the SPTE is read-only'],
    ['Otherwise, in the interleaving shown, a TLB keeps a writable translation'],
  ],
  '3): dirty bit tracking': [
    ['Without fast page fault a read-only SPTE whose Accessed bit is set may be updated non-atomically'],
    ['With it the Dirty bit is lost in the interleaving shown'],
    ['Taking the slow path whenever fast page fault may change the SPTE avoids it'],
  ],
  '3. reference': [
    ['mmu_lock protects shadow pages and shadow TLB entries'],
    ['It spins, because MMU notifiers take it', { none: 'gives a reason for a kind of lock' }],
  ],
});
