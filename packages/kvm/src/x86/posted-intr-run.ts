/**
 * @area pi
 *
 * A vCPU whose interrupts are posted: in and out of its guest, to sleep and back, from CPU to CPU.
 */
import { at, choose, smpMb, smpMbAfterAtomic, smpWmb, type Task } from '@faultline/machine';
import { type HostCpu, type HostCpus, localIrqRestore, localIrqSave } from '../hw/host-cpu.ts';
import { beginSwitch, endSwitch, nextCpu, tryToWakeUp, wokenUp } from '../hw/host-sched.ts';
import type { Vcpu } from '../virt/kvm.ts';
import { checkRequest, Request } from '../virt/requests.ts';
import { VcpuMode } from '../virt/vcpu-mode.ts';
import { vcpuPiLoad, vcpuPiPut } from './posted-intr.ts';
import { PI_ON, takePir } from './posted-intr-desc.ts';
import { piPostBlock, piPreBlock, vcpuPiLoadOld, vcpuPiPutOld } from './posted-intr-old.ts';
import { loadedOn, ownCpu, type PiDesc, type VcpuPi, type VmPi } from './posted-intr-state.ts';

/** What the host does to the vCPU besides running it. */
export interface Scheduling {
  /** Times that it may lose its CPU although it could go on. */
  readonly preemptions?: number;
}

/** Runs the guest until it has handled these vectors; between them it halts. @kernel vcpu_run arch/x86/kvm/x86.c */
export function* runHaltingGuest(pi: VcpuPi, until: bigint, host: Scheduling = {}): Task {
  let left = host.preemptions ?? 0;
  for (;;) {
    yield* enterGuest(pi);
    yield* leaveGuest(pi);
    if ((pi.handled & until) === until) return;
    left = yield* mayBePreempted(pi, left);
    left = yield* vcpuBlock(pi, left);
  }
}

/** Loads the vCPU, at the start of its ioctl, wherever its thread runs then. @kernel vcpu_load virt/kvm/kvm_main.c */
export function* vcpuLoadHere(pi: VcpuPi): Task {
  pi.runsOn = yield* nextCpu((pi.vm as VmPi).cpus as HostCpus);
  // The thread stays where it is meanwhile: from here on a switch moves what is loaded with it.
  yield* vcpuLoad(pi, ownCpu(pi));
}

/** Runs a guest that spins until it has handled these vectors. */
export function* runSpinningGuest(pi: VcpuPi, until: bigint): Task {
  yield* enterGuest(pi);
  for (;;) {
    const cpu = ownCpu(pi);
    const seen = yield* cpu.taken.readOnce();
    yield* guestTakesInterrupts(pi);
    if ((pi.handled & until) === until) break;
    yield* cpu.taken.awaitDiffers(seen);
  }
  yield* leaveGuest(pi);
}

/** Before VM-enter. @kernel vcpu_enter_guest arch/x86/kvm/x86.c */
export function* enterGuest(pi: VcpuPi): Task {
  const vcpu = pi.vcpu as Vcpu;
  for (;;) {
    const cpu = ownCpu(pi);
    yield* localIrqSave(cpu);
    yield* vcpu.mode.storeRelease(VcpuMode.IN_GUEST);
    // Pairs with the barrier between ON and mode of whoever posts: one of the two sees the other.
    order_mode_before_post: yield* smpMb();
    sync_posted_before_entry: yield* syncPirToIrr(pi);
    if ((yield* vcpu.requests.readOnce()) === 0n) {
      cpu.guest = vcpu.vcpuId + 1;
      yield* localIrqRestore(cpu);
      return;
    }
    yield* vcpu.mode.writeOnce(VcpuMode.OUTSIDE_GUEST);
    yield* localIrqRestore(cpu);
    yield* checkRequest(vcpu, yield* vcpu.requests.readOnce(), Request.UNBLOCK);
  }
}

/** The guest handles every interrupt that its APIC has, between two instructions. */
function* guestTakesInterrupts(pi: VcpuPi): Task {
  const cpu = ownCpu(pi);
  yield* localIrqSave(cpu);
  pi.handled |= pi.virr;
  pi.virr = 0n;
  yield* localIrqRestore(cpu);
}

/** The guest handles what its APIC has, and halts: after VM-exit. @kernel vcpu_enter_guest arch/x86/kvm/x86.c */
function* leaveGuest(pi: VcpuPi): Task {
  const cpu = ownCpu(pi);
  yield* localIrqSave(cpu);
  pi.handled |= pi.virr;
  pi.virr = 0n;
  cpu.guest = 0;
  yield* (pi.vcpu as Vcpu).mode.writeOnce(VcpuMode.OUTSIDE_GUEST);
  yield* smpWmb();
  yield* localIrqRestore(cpu);
}

/** Moves what was posted into the virtual APIC; returns whether it holds anything then. @kernel vmx_sync_pir_to_irr arch/x86/kvm/vmx/vmx.c */
export function* syncPirToIrr(pi: VcpuPi): Task<boolean> {
  const desc = pi.desc as PiDesc;
  if (((yield* desc.control.readOnce()) & PI_ON) !== 0n) {
    // ON goes first: a post that comes later sets it again, and notifies.
    clear_on_before_pir: yield* desc.control.fetchAndnot(PI_ON);
    yield* smpMbAfterAtomic();
    pi.virr |= yield* takePir(desc);
  }
  return pi.virr !== 0n;
}

/** Something to run for: an interrupt that the virtual APIC holds or was posted. @kernel kvm_arch_vcpu_runnable arch/x86/kvm/x86.c */
export function* runnable(pi: VcpuPi): Task<boolean> {
  return yield* syncPirToIrr(pi);
}

/** Nothing to run: sleeps until there is. Returns the preemptions that are left. @kernel vcpu_block arch/x86/kvm/x86.c */
function* vcpuBlock(pi: VcpuPi, preemptions: number): Task<number> {
  if ((pi.vm as VmPi).old === 0) return yield* kvmVcpuBlock(pi, preemptions);
  if (yield* runnable(pi)) return preemptions;
  if (!(yield* piPreBlock(pi))) return preemptions;
  const left = yield* kvmVcpuBlock(pi, preemptions);
  yield* piPostBlock(pi);
  return left;
}

/**
 * It says that it waits, then that it is not to run, and looks after that whether it has to.
 *
 * @kernel kvm_vcpu_block virt/kvm/kvm_main.c
 */
export function* kvmVcpuBlock(pi: VcpuPi, preemptions: number): Task<number> {
  const { blocking } = pi.vcpu as Vcpu;
  let left = preemptions;
  pi.waiting = 1;
  for (;;) {
    yield* blocking.smpStoreMb(1, at('pi.asleep_before_looking'));
    check_before_sleeping: if (yield* hasReasonToRun(pi)) break;
    left = yield* mayBePreempted(pi, left);
    yield* schedule(pi);
  }
  yield* blocking.writeOnce(0);
  pi.waiting = 0;
  return left;
}

/** @kernel kvm_vcpu_check_block virt/kvm/kvm_main.c */
export function* hasReasonToRun(pi: VcpuPi): Task<boolean> {
  const vcpu = pi.vcpu as Vcpu;
  if (yield* runnable(pi)) return true;
  return yield* checkRequest(vcpu, yield* vcpu.requests.readOnce(), Request.UNBLOCK);
}

/** Gives up the CPU, unless somebody has made the task runnable meanwhile. @kernel __schedule kernel/sched/core.c */
export function* schedule(pi: VcpuPi): Task {
  const { blocking } = pi.vcpu as Vcpu;
  const cpu = ownCpu(pi);
  yield* beginSwitch(cpu);
  const sleeps = (yield* blocking.readOnce()) === 1;
  if (sleeps) yield* schedOut(pi);
  yield* endSwitch(cpu);
  if (!sleeps) return;
  yield* wokenUp(blocking);
  yield* schedIn(pi, yield* nextCpu((pi.vm as VmPi).cpus as HostCpus));
}

/** The host may take the CPU away, and gives one back, perhaps another. @kernel preempt_schedule_irq kernel/sched/core.c */
export function* mayBePreempted(pi: VcpuPi, left: number): Task<number> {
  if (left === 0 || (yield* choose('preempted here', 2)) === 0) return left;
  const cpu = ownCpu(pi);
  yield* beginSwitch(cpu);
  pi.preempted = yield* wasPreempted(pi);
  yield* schedOut(pi);
  yield* endSwitch(cpu);
  yield* schedIn(pi, yield* nextCpu((pi.vm as VmPi).cpus as HostCpus));
  return left - 1;
}

/**
 * A task that is still on the run queue was preempted, even if it has said that it is about to sleep. Before 5.14 one
 * that had said so was not; the old protocol relies on it.
 *
 * @kernel kvm_sched_out virt/kvm/kvm_main.c
 */
export function* wasPreempted(pi: VcpuPi): Task<number> {
  if ((pi.vm as VmPi).old === 0) return 1;
  return (yield* (pi.vcpu as Vcpu).blocking.readOnce()) === 0 ? 1 : 0;
}

/** Inside the switch: interrupts off, run-queue lock held. @kernel kvm_sched_out virt/kvm/kvm_main.c */
export function* schedOut(pi: VcpuPi): Task {
  if ((pi.vm as VmPi).old === 1) yield* vcpuPiPutOld(pi);
  else yield* vcpuPiPut(pi, true);
}

/** Interrupts are on. @kernel kvm_sched_in virt/kvm/kvm_main.c */
export function* schedIn(pi: VcpuPi, cpu: HostCpu): Task {
  pi.runsOn = cpu;
  pi.preempted = 0;
  yield* vcpuLoad(pi, cpu);
}

/** The CPU of before is what tells which list the vCPU is on: it is replaced last. @kernel kvm_arch_vcpu_load arch/x86/kvm/x86.c */
export function* vcpuLoad(pi: VcpuPi, cpu: HostCpu): Task {
  if ((pi.vm as VmPi).old === 1) yield* vcpuPiLoadOld(pi, cpu);
  else yield* vcpuPiLoad(pi, cpu);
  if (loadedOn(pi) !== cpu) yield* pi.cpu.writeOnce(cpu);
}

/** @kernel kvm_vcpu_wake_up virt/kvm/kvm_main.c */
export function* wakeUpVcpu(pi: VcpuPi): Task<boolean> {
  const cpu = (yield* pi.cpu.readOnce()) as HostCpu;
  return yield* tryToWakeUp((pi.vcpu as Vcpu).blocking, cpu);
}
