import { gfn, type Kvm, setUserMemoryRegion } from '@faultline/kvm';
import { isMmioSpte, makeMmioSpte, mmioGenerationOf, truncateGeneration } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { GFN, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * Seed 002: an MMIO SPTE that is made while the low bit of the generation is 1 misses at the next access, always. The
 * low bit is not stored and reads back as 0: the entry carries the generation before the transient one, which is over.
 * A seqcount that gives up instead of trying again.
 */
export const transientSpteHits = scenario('mmio/transient-spte-hits', {
  title: 'an MMIO SPTE made during an update fits a later generation',
  source: 'ee3d1570b586',
  size: '1 vCPU makes 1 entry and checks it twice, 2 updates, form of 2014',
  claims: [
    { seed: '002.12', says: 'dropping the low bit costs no generation space', verdict: 'holds' },
    { seed: '002.14', says: 'like a seqcount that gives up', verdict: 'holds' },
    { seed: '002.18', says: 'odd only during an update', verdict: 'holds' },
    { seed: '002.19', says: 'the low bit is not stored', verdict: 'holds' },
    { seed: '002.20', says: 'made while odd: misses at the next access', verdict: 'holds' },
    { seed: '002.21', says: 'where the generation stands in the SPTE', verdict: 'holds' },
  ],
  defends: [],
  *setup() {
    return yield* smallVm({ form: '2014', vcpuMmioCache: false });
  },
  threads: {
    *vcpu0({ kvm }: SmallVm) {
      const made = yield* currentGeneration(kvm);
      const layout = kvm.config.mmioLayout;
      const spte = makeMmioSpte(layout, false, gfn(GFN), truncateGeneration(made, layout), 0n);
      const recognised = isMmioSpte(spte, layout, false);
      const stored = mmioGenerationOf(spte, layout);
      const next = truncateGeneration(yield* currentGeneration(kvm), layout);
      const later = truncateGeneration(yield* currentGeneration(kvm), layout);
      return { made, recognised, stored, hits: [next === stored, later === stored] };
    },
    *ioctl({ kvm }: SmallVm) {
      yield* setUserMemoryRegion(kvm, region(GFN, 1));
      return yield* setUserMemoryRegion(kvm, region(2, 1, { slot: 1 }));
    },
  },
  always: {
    'an entry made while the low bit is 1 never hits': ({ results: { vcpu0 } }) =>
      vcpu0.made % 2 === 0 || !vcpu0.hits.includes(true),
    'an entry is recognised and keeps an even generation whole': ({ results: { vcpu0 } }) =>
      vcpu0.recognised && (vcpu0.made % 2 === 1 || vcpu0.stored === vcpu0.made),
  },
  sometimes: {
    'the entry is made while the low bit is 1': ({ results: { vcpu0 } }) => vcpu0.made % 2 === 1,
    'an entry made in peace hits': ({ results: { vcpu0 } }) => vcpu0.hits.includes(true),
  },
});

/** Reads the generation as an exit does: a read section of its own each time. */
function* currentGeneration(kvm: Kvm): Task<number> {
  const idx = yield* kvm.srcu.readLock();
  const slots = yield* kvm.memslots.at(0).rcuDereference();
  const generation = yield* (slots as NonNullable<typeof slots>).generation.readOnce();
  yield* kvm.srcu.readUnlock(idx);
  return generation;
}
