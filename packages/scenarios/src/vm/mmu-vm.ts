/** A VM with TLBs, the TDP MMU and a host that moves memory about. */
import {
  createVcpu,
  createVm,
  gpa,
  hva,
  type Kvm,
  PAGE_SIZE,
  setUserMemoryRegion,
  type Vcpu,
  type VmOptions,
} from '@faultline/kvm';
import { type MmStruct, mmuLoad } from '@faultline/kvm/seams';
import type { Task } from '@faultline/machine';
import { region } from './small-vm.ts';

export interface MmuVm {
  readonly kvm: Kvm;
  readonly vcpu: Vcpu;
  readonly mm: MmStruct;
}

/** Guest frame 0, at address 0 of the guest and of the VMM, in host frame 0 at first. */
export const GPA0 = gpa(0);
export const HVA0 = hva(0);
/** End of page 0 in the address space of the VMM, and the second page. */
export const HVA1 = hva(PAGE_SIZE);
export const GPA1 = gpa(PAGE_SIZE);

/** One vCPU; `pages` pages of guest memory from 0 on. */
export function* mmuVm(mmu: NonNullable<VmOptions['mmu']>, pages = 1, flags = 0): Task<MmuVm> {
  const kvm = yield* createVm({ form: 'modern', mmu });
  yield* setUserMemoryRegion(kvm, region(0, pages, { flags }));
  const vcpu = yield* createVcpu(kvm, 0);
  if (typeof vcpu === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${vcpu}`);
  yield* mmuLoad(vcpu);
  return { kvm, vcpu, mm: kvm.mmStruct as MmStruct };
}

/** Leaves guest frame 0 mapped, accessed, write-protected for logging, clean, and out of the TLB: as a harvest does. */
export function protectForLogging({ kvm, vcpu }: MmuVm): void {
  const sptep = kvm.roots.get(0)?.spt.at(0);
  sptep?.poke(sptep.peek() & ~(WRITABLE | DIRTY));
  vcpu.tlb.entries.set(0, 0n);
}

const WRITABLE = 1n << 1n;
const DIRTY = 1n << 9n;
