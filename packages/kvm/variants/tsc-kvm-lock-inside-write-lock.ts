/** Whether all counters match is decided where one is written, and no vCPU may be created meanwhile: kvm->lock is taken inside tsc_write_lock. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import type { VcpuTsc, VmTsc } from '../src/x86/tsc-state.ts';

/** @replaces packages/kvm/src/x86/tsc.ts#countMatched 215ab32c */
export function* countMatched(
  vcpu: VcpuTsc,
  offset: number,
  written: number,
  ns: number,
  repeats: boolean,
): Task {
  const vm = vcpu.vm as VmTsc;
  const { lock } = vm.kvm as Kvm;
  yield* lock.lock();
  const generation = yield* vm.curTscGeneration.readOnce();
  if (!repeats) {
    yield* vm.curTscGeneration.writeOnce(generation + 1);
    yield* vm.curTscNsec.writeOnce(ns);
    yield* vm.curTscWrite.writeOnce(written);
    yield* vm.curTscOffset.writeOnce(offset);
    yield* vm.nrVcpusMatchedTsc.writeOnce(0);
  } else if ((yield* vcpu.thisTscGeneration.readOnce()) !== generation) {
    yield* vm.nrVcpusMatchedTsc.writeOnce((yield* vm.nrVcpusMatchedTsc.readOnce()) + 1);
  }
  yield* vcpu.thisTscGeneration.writeOnce(repeats ? generation : generation + 1);
  yield* lock.unlock();
}
