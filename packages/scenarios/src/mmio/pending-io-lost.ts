import { answerMmio, assemble, mmioExit, PAGE_SIZE, type Vcpu, vcpuRun } from '@faultline/kvm';
import { scenario, type Task } from '@faultline/machine';
import { type SmallVm, smallVm } from '../vm/small-vm.ts';

const EINTR = 4;
/** A store of 8 bytes, of which 4 lie in the next page. */
const CROSSING = 2 * PAGE_SIZE - 4;

/**
 * An MMIO exit leaves work behind: what user space answers is consumed by the next KVM_RUN, even one that is told to
 * return at once (immediate_exit). A store across a page boundary is two exits, and the first part must not happen
 * again when the second is done.
 */
export const pendingIoLost = scenario('mmio/pending-io-lost', {
  title: 'a pending MMIO completion is dropped, or happens twice',
  source: 'Documentation/virt/kvm/api.rst, KVM_RUN',
  size: '1 vCPU, 1 load, 1 store across a page, no slots, through KVM_RUN',
  defends: ['mmio.complete_pending_io', 'mmio.skip_finished_fragment'],
  *setup() {
    const vm = yield* smallVm({ form: 'modern' });
    vm.vcpu.program = assemble([
      { op: 'load', gpa: PAGE_SIZE },
      { op: 'store', gpa: CROSSING, value: 0x8877665544332211n },
      { op: 'hlt' },
    ]);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: SmallVm) {
      const load = yield* nextMmio(vcpu);
      answerMmio(vcpu.run, 42n);
      vcpu.run.immediateExit = 1;
      const interrupted = yield* vcpuRun(vcpu);
      const loaded = vcpu.rax;
      vcpu.run.immediateExit = 0;
      const first = yield* nextMmio(vcpu);
      const second = yield* nextMmio(vcpu);
      yield* vcpuRun(vcpu);
      return { load, interrupted, loaded, first, second, last: vcpu.run.exitReason };
    },
  },
  always: {
    'the load has its value although the run was told to return at once': ({ results: { vcpu0 } }) =>
      vcpu0.interrupted === -EINTR && vcpu0.loaded === 42n,
    'each part of the store happens once': ({ results: { vcpu0 } }) =>
      vcpu0.first === `${CROSSING}+4=1144201745` && vcpu0.second === `${2 * PAGE_SIZE}+4=2289526357`,
    'the guest goes on to its end': ({ results: { vcpu0 } }) => vcpu0.last === 5,
  },
  sometimes: {
    'the load exits': ({ results: { vcpu0 } }) => vcpu0.load === `${PAGE_SIZE}+8=0`,
  },
});

/** Runs to the next exit and says what it is: address, length, data. */
function* nextMmio(vcpu: Vcpu): Task<string> {
  const result = yield* vcpuRun(vcpu);
  if (result !== 0) return `error ${result}`;
  const { physAddr, len, data } = mmioExit(vcpu.run);
  return `${physAddr}+${len}=${data}`;
}
