/**
 * @area tsc
 *
 * The master clock: one pair of the host's clocks, from which every vCPU's guest computes time. It is replaced while no
 * vCPU is in its guest, and none comes back before it has been told; otherwise one guest would go on from the old pair
 * after another one has read the new one.
 */
import { smpRmb, smpWmb, type Task } from '@faultline/machine';
import { type HostClock, kvmclockBaseNs, rdtsc } from '../host/clock.ts';
import { makeAllCpusRequest } from '../virt/kick.ts';
import { KVM_MAX_VCPUS, type Kvm, type Vcpu } from '../virt/kvm.ts';
import { makeRequest, Request, requestBit } from '../virt/requests.ts';
import { allMatched } from './tsc.ts';
import { BIAS, type VcpuTsc, type VmTsc } from './tsc-state.ts';

/** @kernel kvm_update_masterclock arch/x86/kvm/x86.c */
export function* updateMasterclock(vm: VmTsc): Task {
  const kvm = vm.kvm as Kvm;
  const host = vm.host as HostClock;
  // Waits until each is out. From here on nobody enters.
  keep_vcpus_out: yield* makeAllCpusRequest(kvm, Request.MCLOCK_INPROGRESS);
  yield* host.unpreempted.readLock();
  yield* vm.tscWriteLock.lock();
  yield* beginWrite(vm);
  yield* takeSnapshot(vm, host);
  yield* endWrite(vm);
  yield* vm.tscWriteLock.unlock();
  yield* host.unpreempted.readUnlock();
  yield* tellVcpus(kvm);
}

/** Each is told before any may enter. @kernel kvm_end_pvclock_update arch/x86/kvm/x86.c */
export function* tellVcpus(kvm: Kvm): Task {
  yield* requestClockUpdates(kvm);
  yield* letVcpusIn(kvm);
}

export function* requestClockUpdates(kvm: Kvm): Task {
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = kvm.vcpus.at(i).peek();
    if (vcpu === null) return;
    yield* makeRequest(vcpu, Request.CLOCK_UPDATE);
  }
}

export function* letVcpusIn(kvm: Kvm): Task {
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = kvm.vcpus.at(i).peek();
    if (vcpu === null) return;
    yield* vcpu.requests.fetchAndnot(requestBit(Request.MCLOCK_INPROGRESS));
  }
}

/** @kernel pvclock_update_vm_gtod_copy arch/x86/kvm/x86.c */
function* takeSnapshot(vm: VmTsc, host: HostClock): Task {
  yield* vm.useMasterClock.writeOnce((yield* allMatched(vm)) ? 1 : 0);
  yield* vm.masterKernelNs.writeOnce(yield* kvmclockBaseNs(host));
  yield* vm.masterCycleNow.writeOnce(yield* rdtsc(host));
}

/** Odd while the pair changes. Writers exclude each other by tsc_write_lock. @kernel write_seqcount_begin include/linux/seqlock.h */
export function* beginWrite(vm: VmTsc): Task {
  const seq = yield* vm.pvclockSc.readOnce();
  mark_snapshot_changing: yield* vm.pvclockSc.writeOnce(seq + 1);
  yield* smpWmb();
}

/** @kernel write_seqcount_end include/linux/seqlock.h */
export function* endWrite(vm: VmTsc): Task {
  yield* smpWmb();
  const seq = yield* vm.pvclockSc.readOnce();
  yield* vm.pvclockSc.writeOnce(seq + (seq % 2 === 1 ? 1 : 2));
}

interface Snapshot {
  readonly master: boolean;
  readonly cycles: number;
  readonly ns: number;
}

/** Both halves of one snapshot. @kernel read_seqcount_begin include/linux/seqlock.h */
function* readSnapshot(vm: VmTsc): Task<Snapshot> {
  for (;;) {
    const seq = yield* vm.pvclockSc.readOnce();
    if (seq % 2 === 1) {
      yield* vm.pvclockSc.awaitDiffers(seq);
      continue;
    }
    yield* smpRmb();
    const master = (yield* vm.useMasterClock.readOnce()) === 1;
    const ns = yield* vm.masterKernelNs.readOnce();
    const cycles = yield* vm.masterCycleNow.readOnce();
    yield* smpRmb();
    if (yield* unchanged(vm, seq)) return { master, cycles, ns };
  }
}

/** What the vCPU's guest computes time from is replaced. @kernel kvm_guest_time_update arch/x86/kvm/x86.c */
export function* guestTimeUpdate(vcpu: VcpuTsc): Task {
  const vm = vcpu.vm as VmTsc;
  const host = vm.host as HostClock;
  const snapshot = yield* readSnapshot(vm);
  let { cycles, ns } = snapshot;
  if (!snapshot.master) {
    yield* host.unpreempted.readLock();
    cycles = yield* rdtsc(host);
    ns = yield* kvmclockBaseNs(host);
    yield* host.unpreempted.readUnlock();
  }
  vcpu.systemTime = ns;
  vcpu.tscTimestamp = cycles + (yield* vcpu.tscOffset.readOnce());
}

/** KVM_GET_CLOCK: what the guest's clock shows, for user space; no vCPU needs to be kept out for it. @kernel __get_kvmclock arch/x86/kvm/x86.c */
export function* getClock(vm: VmTsc): Task<number> {
  const host = vm.host as HostClock;
  const { master, cycles, ns } = yield* readSnapshot(vm);
  return master ? ns + (yield* rdtsc(host)) - cycles : yield* kvmclockBaseNs(host);
}

/** @kernel read_seqcount_retry include/linux/seqlock.h */
export function* unchanged(vm: VmTsc, seq: number): Task<boolean> {
  return (yield* vm.pvclockSc.readOnce()) === seq;
}

/** What the guest's clock shows. @kernel pvclock_clocksource_read arch/x86/kernel/pvclock.c */
export function* guestClock(vcpu: VcpuTsc): Task<number> {
  const tsc = (yield* rdtsc((vcpu.vm as VmTsc).host as HostClock)) + (yield* vcpu.tscOffset.readOnce());
  return vcpu.systemTime + (tsc - vcpu.tscTimestamp);
}

/** What the guest's counter shows, for oracles. */
export function guestTscNow(vcpu: VcpuTsc): number {
  return ((vcpu.vm as VmTsc).host as HostClock).tsc.peek() + vcpu.tscOffset.peek() - BIAS;
}

export function vcpuOf(vcpu: VcpuTsc): Vcpu {
  return vcpu.vcpu as Vcpu;
}
