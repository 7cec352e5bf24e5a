/** A VM whose vCPUs go in and out of their guests, and whose TLBs are flushed by request. */
import { createVcpu, createVm, setUserMemoryRegion, type Vcpu, type VmOptions } from '@faultline/kvm';
import type { MmStruct } from '@faultline/kvm/seams';
import type { Task } from '@faultline/machine';
import type { MmuVm } from './mmu-vm.ts';
import { region } from './small-vm.ts';

/** `vcpu` is vCPU 0. */
export interface EntryVm extends MmuVm {
  readonly vcpus: readonly Vcpu[];
}

type Mmu = NonNullable<VmOptions['mmu']>;

/** One level, one page in slot 0, two frames, one vCPU, flush and entry real, unless the options say otherwise. */
export function* entryVm(
  more: { mmu?: Partial<Mmu>; vcpus?: number; flags?: number; srcu?: VmOptions['srcu'] } = {},
): Task<EntryVm> {
  const mmu: Mmu = { pages: 1, frames: 2, remoteFlush: 'real', vcpuEntry: 'real', ...more.mmu };
  const kvm = yield* createVm({ mmu, srcu: more.srcu ?? 'abstract', cpus: 1 });
  yield* setUserMemoryRegion(kvm, region(0, mmu.pages, { flags: more.flags ?? 0 }));
  const vcpus: Vcpu[] = [];
  for (let id = 0; id < (more.vcpus ?? 1); id++) {
    const vcpu = yield* createVcpu(kvm, id);
    if (typeof vcpu === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${vcpu}`);
    vcpus.push(vcpu);
  }
  return { kvm, vcpu: vcpus[0] as Vcpu, vcpus, mm: kvm.mmStruct as MmStruct };
}
