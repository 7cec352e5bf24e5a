/** A VM for a Xen guest: shared_info in its first page, vcpu_info in its second, on a host that may move both. */
import {
  createVcpu,
  createVm,
  gfn,
  gpa,
  type Hva,
  hva,
  type Kvm,
  PAGE_SIZE,
  setUserMemoryRegion,
  type Vcpu,
  type VmOptions,
} from '@faultline/kvm';
import {
  bitsPerWord,
  type EvtchnAttr,
  Evtchnstat,
  guestFinds,
  invalidateRangeEnd,
  invalidateRangeStart,
  type MmStruct,
  NO_INDEX,
  pendingBit,
  ptePfn,
  type VcpuXen,
  XenEvtchn,
  xenSetSharedInfo,
  xenSetVcpuInfo,
} from '@faultline/kvm/seams';
import { type Cell, cell32, type StructType, struct, type Task, type View } from '@faultline/machine';
import { region } from './small-vm.ts';

interface Progress extends View {
  readonly returned: Cell<number>;
}

const Progress: StructType<Progress> = struct('vmm_progress', { returned: cell32 }, { as: 'vmm' });

export interface XenVm {
  readonly kvm: Kvm;
  readonly mm: MmStruct;
  /** vCPU 0. */
  readonly vcpu: Vcpu;
  readonly vcpus: readonly Vcpu[];
  /** Not KVM's: 1 once an ioctl has returned. */
  readonly progress: Progress;
}

/** The pages of the VMM, by what is in them at first. */
export const SHARED_INFO = 0;
export const VCPU_INFO = 1;
export const OTHER = 2;
export const PORT = 1;

interface Options {
  readonly lock?: NonNullable<VmOptions['xen']>['lock'];
  readonly pages?: number;
  readonly vcpus?: number;
  readonly irq?: boolean;
}

/** Both pages are mapped. `pages` and as many frames, and one more; every vCPU has the same vcpu_info. */
export function* xenVm({ lock = 'xen_lock', pages = 2, vcpus = 1, irq = false }: Options = {}): Task<XenVm> {
  const kvm = yield* createVm({
    mmu: { pages, frames: pages + 1, indexBits: 2 },
    xen: { lock },
    irqRouting: irq,
  });
  expectZero(yield* setUserMemoryRegion(kvm, region(0, pages)));
  const made: Vcpu[] = [];
  for (let id = 0; id < vcpus; id++) {
    const vcpu = yield* createVcpu(kvm, id);
    if (typeof vcpu === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${vcpu}`);
    made.push(vcpu);
    // The second vCPU's is in the third page, if there is one.
    expectZero(yield* xenSetVcpuInfo(vcpu, gpa((VCPU_INFO + id) * PAGE_SIZE)));
  }
  expectZero(yield* xenSetSharedInfo(kvm, gfn(SHARED_INFO)));
  const mm = kvm.mmStruct as MmStruct;
  return { kvm, mm, vcpu: made[0] as Vcpu, vcpus: made, progress: Progress.alloc() };
}

/** Of an ioctl at set-up. */
export function expectZero(result: number): void {
  if (result !== 0) throw new Error(`an ioctl failed at set-up: ${result}`);
}

export const hvaOfPage = (page: number): Hva => hva(page * PAGE_SIZE);

/** The host announces a change of a page and then leaves it as it is: no cache of it is valid afterwards. */
export function* touchPage({ kvm }: XenVm, page: number): Task {
  yield* invalidateRangeStart(kvm, hvaOfPage(page), hvaOfPage(page + 1));
  yield* invalidateRangeEnd(kvm, hvaOfPage(page), hvaOfPage(page + 1));
}

/** The page as the guest sees it. */
export function contentOf({ mm }: XenVm, page: number): bigint {
  return mm.page.at(ptePfn(mm.ptes.at(page).peek())).content.peek();
}

/** Whether a port is pending for the guest of a vCPU, and the guest is told: in its pages, or by what the vCPU has noted. */
export function delivered(
  vm: XenVm,
  port = PORT,
  shared = SHARED_INFO,
  info = VCPU_INFO,
  of = vm.vcpu,
): boolean {
  const { kvm, mm } = vm;
  const pageOf = (page: number) => mm.page.at(ptePfn(mm.ptes.at(page).peek()));
  if (guestFinds(kvm, pageOf(shared), pageOf(info), port)) return true;
  const noted = (of.xen as VcpuXen).evtchnPendingSel.peek();
  const word = Math.floor(port / bitsPerWord(kvm));
  return (contentOf(vm, shared) & pendingBit(port)) !== 0n && (noted & (1 << word)) !== 0;
}

/** KVM_XEN_ATTR_TYPE_EVTCHN: an IPI port of the guest. */
export function ipiPort(port: number, flags = 0, vcpu = 0): EvtchnAttr {
  return { sendPort: port, type: Evtchnstat.IPI, flags, port, vcpu };
}

export interface Sending extends XenVm {
  readonly xe: XenEvtchn;
}

/** An event for a vCPU as a route of the VM has it, not yet delivered once. */
export function eventFor(port: number, vcpu = 0): XenEvtchn {
  const xe = XenEvtchn.alloc();
  xe.port = port;
  xe.vcpuId.poke(vcpu);
  xe.vcpuIdx.poke(NO_INDEX);
  return xe;
}
