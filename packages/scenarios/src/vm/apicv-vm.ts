/** A VM whose hardware virtualizes local APICs: the access page behind its private slot, and nothing else. */
import {
  createVcpu,
  createVm,
  type Gpa,
  gpaOf,
  gpa as gpaOfNumber,
  hva,
  PAGE_SIZE,
  type Vcpu,
  type VmOptions,
} from '@faultline/kvm';
import {
  ApicReg,
  ApicvInhibit,
  allocApicAccessPage,
  emptyTlb,
  type Lapic,
  mmuLoad,
  processRequests,
  setOrClearApicvInhibit,
  vcpuReloadApicAccessPage,
} from '@faultline/kvm/seams';
import type { Task } from '@faultline/machine';
import type { EntryVm } from './entry-vm.ts';
import { createFlags, type Flags } from './small-vm.ts';

export interface ApicvVm extends EntryVm {
  /** vCPU 0's. */
  readonly apic: Lapic;
  readonly flags: Flags;
}

type Mmu = NonNullable<VmOptions['mmu']>;
export type ApicvOptions = NonNullable<VmOptions['apicv']>;

/** Why a scenario with the machine below cannot run on threads, unless it says otherwise. */
export const ENTRY_ABSTRACT = 'its vCPUs enter their guests in one step';

/** AMD's hardware, one vCPU outside its guest, tables of one level, the access page in the last page of the VMM; flush real, entry abstract. */
export function* apicvVm(
  more: { apicv?: Partial<ApicvOptions>; mmu?: Partial<Mmu>; vcpus?: number; srcu?: VmOptions['srcu'] } = {},
): Task<ApicvVm> {
  const mmu: Mmu = { pages: 1, frames: 1, remoteFlush: 'real', ...more.mmu };
  const apicv: ApicvOptions = { vendor: 'svm', ...more.apicv };
  const kvm = yield* createVm({ mmu, apicv, srcu: more.srcu ?? 'abstract', cpus: 1 });
  const failed = yield* allocApicAccessPage(kvm, hva((mmu.pages - 1) * PAGE_SIZE));
  if (failed !== 0) throw new Error(`no slot for the APIC-access page: ${failed}`);
  const vcpus: Vcpu[] = [];
  for (let id = 0; id < (more.vcpus ?? 1); id++) {
    const vcpu = yield* createVcpu(kvm, id);
    if (typeof vcpu === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${vcpu}`);
    yield* vcpuReloadApicAccessPage(vcpu);
    yield* mmuLoad(vcpu);
    vcpus.push(vcpu);
  }
  const [vcpu] = vcpus as [Vcpu];
  return {
    kvm,
    vcpu,
    vcpus,
    mm: kvm.mmStruct as ApicvVm['mm'],
    apic: vcpu.apic as Lapic,
    flags: createFlags(),
  };
}

/** Something speaks against APICv, and every vCPU has noticed. */
export function* turnOff({ kvm, vcpus }: ApicvVm): Task {
  yield* setOrClearApicvInhibit(kvm, ApicvInhibit.ABSENT, true);
  for (const vcpu of vcpus) yield* processRequests(vcpu);
}

/** Where the guest finds a register of its APIC. */
export function apicRegister({ kvm }: ApicvVm, register: keyof typeof ApicReg): Gpa {
  return gpaOfNumber(gpaOf(kvm.config.apicGfn) + ApicReg[register]);
}

/** Nothing has been stored in any frame, or in swap: what is meant for an APIC is never memory. */
export function memoryUntouched({ mm }: ApicvVm): boolean {
  for (let i = 0; i < mm.frames; i++) if (mm.page.at(i).content.peek() !== 0n) return false;
  for (let i = 0; i < mm.pages; i++) if (mm.swap.at(i).peek() !== 0n) return false;
  return true;
}

/** Whether the guest runs with a virtual APIC, looked at between two of its instructions. */
export function* runsWithApicv({ tlb, cpu, apic }: Vcpu): Task<boolean> {
  yield* tlb.lock.lock();
  const runs = cpu.inGuest === 1 && cpu.interrupted === 0 && apic?.virtualizes === 1;
  yield* tlb.lock.unlock();
  return runs;
}

/** The APIC's entry is gone from the table and the TLB of vCPU 0, as if the host had taken its page away once. */
export function forgetEntry({ kvm, vcpu }: ApicvVm): void {
  kvm.roots.get(0)?.spt.at(kvm.config.apicGfn).poke(0n);
  emptyTlb(vcpu.tlb);
}
