/**
 * @area tsc
 *
 * A value is written to a vCPU's time-stamp counter. User space writes the same one to each vCPU, one after the other, and
 * means that all counters show the same. So a write that is about what the counters show by now is taken for a
 * repetition: it gets the offset of the first, and the vCPU counts as matched with it. When all are, guests may read one
 * clock on all vCPUs.
 */
import type { Task } from '@faultline/machine';
import { type HostClock, kvmclockBaseNs, rdtsc } from '../host/clock.ts';
import type { Kvm } from '../virt/kvm.ts';
import { BIAS, type VcpuTsc, type VmTsc } from './tsc-state.ts';

/** Cycles of a second: writes that miss what is expected by less are repetitions. */
export const SECOND = 8;

/** `value` 0: the vCPU is new, and takes over what there is. @kernel kvm_synchronize_tsc arch/x86/kvm/x86.c */
export function* synchronizeTsc(vcpu: VcpuTsc, value: number): Task {
  const vm = vcpu.vm as VmTsc;
  const host = vm.host as HostClock;
  stay_unpreempted: yield* host.unpreempted.readLock();
  lock_tsc_writes: yield* vm.tscWriteLock.lock();
  let written = value;
  let offset = yield* computeOffset(host, written);
  const ns = yield* kvmclockBaseNs(host);
  const elapsed = ns - (yield* vm.lastTscNsec.readOnce());
  const repeats = yield* isRepetition(vm, vcpu, value, elapsed);
  if (repeats) {
    if (vm.hostTscStable === 1) {
      // Exactly the first writer's: computing it anew would add the time between two reads.
      offset = yield* vm.curTscOffset.readOnce();
    } else {
      written += elapsed;
      offset = yield* computeOffset(host, written);
    }
  }
  yield* recordWrite(vcpu, offset, written, ns);
  yield* countMatched(vcpu, offset, written, ns, repeats);
  unlock_tsc_writes: yield* vm.tscWriteLock.unlock();
  end_unpreempted: yield* host.unpreempted.readUnlock();
}

/** What the hardware has to add to the host's counter, so that the guest's shows `value` now. @kernel kvm_compute_l1_tsc_offset arch/x86/kvm/x86.c */
function* computeOffset(host: HostClock, value: number): Task<number> {
  return value - (yield* rdtsc(host)) + BIAS;
}

/** @kernel kvm_synchronize_tsc arch/x86/kvm/x86.c */
export function* isRepetition(vm: VmTsc, vcpu: VcpuTsc, value: number, elapsed: number): Task<boolean> {
  let synchronizing = value === 0;
  if (value !== 0) {
    const before = yield* vm.userSetTsc.readOnce();
    const expected = (yield* vm.lastTscWrite.readOnce()) + elapsed;
    synchronizing = Math.abs(value - expected) < SECOND;
    if (vm.knowsUserSet === 1) {
      if (before === 0) synchronizing = false;
      yield* vm.userSetTsc.writeOnce(1);
    }
  }
  return synchronizing && (yield* vm.lastTscKhz.readOnce()) === vcpu.khz;
}

/** @kernel __kvm_synchronize_tsc arch/x86/kvm/x86.c */
function* recordWrite(vcpu: VcpuTsc, offset: number, written: number, ns: number): Task {
  const vm = vcpu.vm as VmTsc;
  yield* vm.lastTscNsec.writeOnce(ns);
  yield* vm.lastTscWrite.writeOnce(written);
  yield* vm.lastTscKhz.writeOnce(vcpu.khz);
  yield* vm.lastTscOffset.writeOnce(offset);
  yield* vcpu.tscOffset.writeOnce(offset);
}

/** The first write of a generation, or a vCPU more that repeats it. @kernel __kvm_synchronize_tsc arch/x86/kvm/x86.c */
export function* countMatched(
  vcpu: VcpuTsc,
  offset: number,
  written: number,
  ns: number,
  repeats: boolean,
): Task {
  const vm = vcpu.vm as VmTsc;
  const generation = yield* vm.curTscGeneration.readOnce();
  if (!repeats) {
    yield* vm.curTscGeneration.writeOnce(generation + 1);
    yield* vm.curTscNsec.writeOnce(ns);
    yield* vm.curTscWrite.writeOnce(written);
    yield* vm.curTscOffset.writeOnce(offset);
    start_from_none: yield* vm.nrVcpusMatchedTsc.writeOnce(0);
  } else {
    let counts = true;
    // A vCPU that repeats twice is still one.
    count_each_once: counts = (yield* vcpu.thisTscGeneration.readOnce()) !== generation;
    if (counts) yield* vm.nrVcpusMatchedTsc.writeOnce((yield* vm.nrVcpusMatchedTsc.readOnce()) + 1);
  }
  yield* vcpu.thisTscGeneration.writeOnce(repeats ? generation : generation + 1);
}

/** All vCPUs show the same: then guests may read one clock. @kernel kvm_track_tsc_matching arch/x86/kvm/x86.c */
export function* allMatched(vm: VmTsc): Task<boolean> {
  const online = yield* (vm.kvm as Kvm).onlineVcpus.readOnce();
  return (yield* vm.nrVcpusMatchedTsc.readOnce()) + 1 === online;
}
