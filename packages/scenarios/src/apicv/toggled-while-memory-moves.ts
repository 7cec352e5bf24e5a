import { hva, type Vcpu } from '@faultline/kvm';
import {
  ApicvInhibit,
  allocFrame,
  guestRead,
  guestWrite,
  migratePage,
  putPage,
  setOrClearApicvInhibit,
  swapOut,
} from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { type ApicvOptions, type ApicvVm, apicRegister, apicvVm } from '../vm/apicv-vm.ts';
import { contentOfPage0, SECRET } from '../vm/frames.ts';

/** Operations of each thread in one round. */
const ACCESSES = 80;
const UPDATES = 40;
const MOVES = 30;

/** Writes a priority and reads it back. Returns how often it did not find what it had written, and who served the reads. */
function* writeAndReadBack(vm: ApicvVm, vcpu: Vcpu): Task<{ lost: number; served: Record<string, number> }> {
  const tpr = apicRegister(vm, 'TPR');
  const served: Record<string, number> = {};
  let lost = 0;
  for (let i = 1; i <= ACCESSES; i++) {
    const priority = BigInt(i % 256);
    yield* guestWrite(vcpu, tpr, priority);
    const { via, value } = yield* guestRead(vcpu, tpr);
    served[via] = (served[via] ?? 0) + 1;
    if (value !== priority) lost++;
  }
  return { lost, served };
}

/** Takes the access page away and gives its frame to somebody else for a while. Returns how often that one was overwritten. */
function* moveAccessPage({ kvm, mm }: ApicvVm): Task<number> {
  let overwritten = 0;
  for (let i = 0; i < MOVES; i++) {
    const taken = yield* allocFrame(mm);
    if (i % 2 === 0 && taken !== null) yield* migratePage(kvm, hva(0), taken);
    else yield* swapOut(kvm, hva(0));
    if (taken !== null) yield* putPage(mm, taken);
    const reused = yield* allocFrame(mm);
    if (reused === null) continue;
    const { content } = mm.page.at(reused);
    const before = yield* content.readOnce();
    yield* content.writeOnce(SECRET);
    for (let look = 0; look < 8; look++) if ((yield* content.readOnce()) !== SECRET) overwritten++;
    yield* content.writeOnce(before);
    yield* putPage(mm, reused);
  }
  return overwritten;
}

/** Two vCPUs use their APICs while user space turns APICv off and on, and the host moves and reclaims the page behind them. */
function toggled(name: string, vendor: ApicvOptions['vendor']) {
  return scenario(`apicv/${name}`, {
    title: `a write to an APIC is lost, or lands in memory, while APICv comes and goes (${vendor})`,
    source: 'kvm_set_or_clear_apicv_inhibit, kvm_unmap_gfn_range',
    size: '2 vCPUs, 1 thread that turns APICv off and on, 1 host thread',
    deep: true,
    threadsOnly: 'four threads with hundreds of operations',
    arenaBytes: 1 << 20,
    *setup() {
      return yield* apicvVm({
        apicv: { vendor },
        vcpus: 2,
        mmu: { frames: 4, vcpuEntry: 'real' },
        srcu: 'real',
      });
    },
    threads: {
      *vcpu0(vm: ApicvVm) {
        return yield* writeAndReadBack(vm, vm.vcpus[0] as Vcpu);
      },
      *vcpu1(vm: ApicvVm) {
        return yield* writeAndReadBack(vm, vm.vcpus[1] as Vcpu);
      },
      *vmm({ kvm }: ApicvVm) {
        for (let i = 0; i < UPDATES; i++) {
          const reason = i % 3 === 0 ? ApicvInhibit.HYPERV : ApicvInhibit.ABSENT;
          yield* setOrClearApicvInhibit(kvm, reason, true);
          yield* setOrClearApicvInhibit(kvm, reason, false);
        }
      },
      *host(vm: ApicvVm) {
        return yield* moveAccessPage(vm);
      },
    },
    always: {
      'a vCPU finds in its APIC what it wrote': ({ results: { vcpu0, vcpu1 } }) =>
        vcpu0.lost === 0 && vcpu1.lost === 0,
      'no access is taken for memory, or for a device': ({ results: { vcpu0, vcpu1 } }) =>
        [vcpu0, vcpu1].every(({ served }) => served.RAM === undefined && served.MMIO === undefined),
      'a frame that was given away keeps what its new owner wrote': ({ results }) => results.host === 0,
      'nothing is stored in the page behind the APIC': (_, vm) => contentOfPage0(vm) === 0n,
    },
    sometimes: {},
  });
}

export const toggledWhileMemoryMoves = [
  toggled('toggled-while-memory-moves', 'svm'),
  toggled('toggled-while-memory-moves-on-intel', 'vmx'),
];
