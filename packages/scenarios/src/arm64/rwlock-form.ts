import { gfn, pfn } from '@faultline/kvm';
import {
  ArmMmu,
  type ArmVm,
  createArmVm,
  freeStage2Pgt,
  handleGuestAbort,
  mapExclusively,
  relaxPerms,
  wpStage2Chunks,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';

interface Later extends ArmVm {
  readonly mmu: ArmMmu;
}

function* laterVm(mapped: readonly number[]): Task<Later> {
  const vm = createArmVm({ levels: 2, pages: 3 });
  for (const at of mapped) {
    yield* handleGuestAbort(vm.kvm, vm.mm, { gfn: gfn(at), write: true, accessFlag: false });
  }
  return { ...vm, mmu: ArmMmu.alloc() };
}

/** Since 5.12 the tables are destroyed outside of mmu_lock; whoever walks a range asks for them before each chunk. */
export const destroyedBetweenChunks = scenario('arm64/tables-destroyed-between-chunks', {
  title: 'a walk in chunks goes on in tables that were destroyed between two of them',
  source: 'stage2_apply_range, kvm_free_stage2_pgd, 6.1',
  size: '1 walk of 2 chunks, 1 teardown, tables of 2 levels, mmu_lock a rwlock',
  *setup() {
    return yield* laterVm([0, 2]);
  },
  threads: {
    *walk({ kvm, mmu }: Later) {
      return yield* wpStage2Chunks(kvm, mmu, gfn(0), gfn(4));
    },
    *teardown({ kvm, mmu }: Later) {
      yield* freeStage2Pgt(kvm, mmu);
    },
  },
  always: { 'nothing is used that was freed': never('use after free') },
  sometimes: {
    'the walk comes to its end': ({ results }) => results.walk === 0,
    'the walk finds no tables': ({ results }) => results.walk === -22,
  },
});

/** Both vCPUs find a page that is gone: each maps it, one after the other. */
export const mappedTwice = scenario('arm64/tables-made-twice', {
  title: 'two vCPUs share mmu_lock to change a permission, and both make the same table',
  source: 'user_mem_abort, 6.1',
  size: '2 vCPUs with a write each, 1 page that is not mapped, tables of 2 levels, mmu_lock a rwlock',
  *setup() {
    return yield* laterVm([]);
  },
  threads: {
    *vcpu0({ kvm, mmu }: Later) {
      const result = yield* relaxPerms(kvm, mmu, gfn(0), pfn(0));
      if (result !== 0) yield* mapExclusively(kvm, mmu, gfn(0), pfn(0));
      return result;
    },
    *vcpu1({ kvm, mmu }: Later) {
      const result = yield* relaxPerms(kvm, mmu, gfn(1), pfn(1));
      if (result !== 0) yield* mapExclusively(kvm, mmu, gfn(1), pfn(1));
      return result;
    },
  },
  always: { 'one vCPU at a time makes tables': never('wrong guard') },
  sometimes: { 'both find nothing': ({ results: { vcpu0, vcpu1 } }) => vcpu0 === -11 && vcpu1 === -11 },
});
