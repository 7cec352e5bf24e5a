/**
 * @area pi
 *
 * A vCPU gets a CPU and gives it up (since 5.17). While it is loaded, posts notify its CPU with a vector that the guest
 * itself takes; when it goes to sleep they notify the CPU it slept on with another one, whose handler wakes whoever is
 * on that CPU's list; while it waits for a CPU, nobody is notified.
 */
import { at, bugOn, smpMbAfterAtomic, type Task } from '@faultline/machine';
import { type HostCpu, localIrqRestore, localIrqSave, sendVector, Vector } from '../hw/host-cpu.ts';
import {
  nvOf,
  PI_ON,
  PI_SN,
  POSTED_INTR_VECTOR,
  POSTED_INTR_WAKEUP_VECTOR,
  pirEmpty,
  withNdst,
  withNv,
} from './posted-intr-desc.ts';
import {
  loadedOn,
  type PiDesc,
  type PiPerCpu,
  type VcpuPi,
  type VmPi,
  wakeupLock,
} from './posted-intr-state.ts';

/** The vCPU runs on `cpu` from here on. @kernel vmx_vcpu_pi_load arch/x86/kvm/vmx/posted_intr.c */
export function* vcpuPiLoad(pi: VcpuPi, cpu: HostCpu): Task {
  const desc = pi.desc as PiDesc;
  const control = yield* desc.control.readOnce();
  const last = loadedOn(pi);
  const sleptHere = nvOf(control) === POSTED_INTR_WAKEUP_VECTOR;
  if (!sleptHere && last === cpu) {
    // Nothing but SN can have changed, if it was preempted.
    if (((yield* desc.control.fetchAndnot(PI_SN)) & PI_SN) === 0n) return;
  } else {
    yield* localIrqSave(cpu);
    // The list is that of the CPU where it went to sleep, whichever CPU this is.
    if (sleptHere) yield* leaveWakeupList(pi, last);
    yield* notifyNormally(desc, cpu);
    yield* localIrqRestore(cpu);
  }
  yield* noticeSuppressed(desc);
}

/** What was posted while nobody was to be notified is noticed now. */
export function* noticeSuppressed(desc: PiDesc): Task {
  // SN goes before the requests are read: a post from now on sets ON by itself. The hardware does both at once.
  order_sn_before_pir: yield* smpMbAfterAtomic();
  notice_suppressed_posts: if (!(yield* pirEmpty(desc))) yield* desc.control.fetchOr(PI_ON);
}

/** From the change of the control word on, posts notify this CPU with the vector that a guest takes. */
export function* notifyNormally(desc: PiDesc, cpu: HostCpu): Task {
  let old = yield* desc.control.readOnce();
  for (;;) {
    const next = withNv(withNdst(old & ~PI_SN, cpu.id), POSTED_INTR_VECTOR);
    const seen = yield* desc.control.cmpxchg(old, next, at('pi.notify_normally'));
    if (seen === old) return;
    old = seen;
  }
}

/** The vCPU gives up its CPU. Interrupts may be off. @kernel vmx_vcpu_pi_put arch/x86/kvm/vmx/posted_intr.c */
export function* vcpuPiPut(pi: VcpuPi, irqsOff: boolean): Task {
  if (!(yield* needsPiWakeup(pi))) return;
  wake_by_post: if (pi.waiting === 1) yield* enableWakeupHandler(pi, irqsOff);
  // It is runnable, and looks when it is back.
  suppress_while_preempted: if (pi.preempted === 1) yield* (pi.desc as PiDesc).control.fetchOr(PI_SN);
}

/** @kernel vmx_needs_pi_wakeup arch/x86/kvm/vmx/posted_intr.c */
export function* needsPiWakeup(pi: VcpuPi): Task<boolean> {
  return (yield* (pi.vm as VmPi).assignedDeviceCount.readOnce()) !== 0;
}

/**
 * A post wakes the vCPU from here on. One that came too early for that has sent a vector that means nothing to a host:
 * ON tells, and a wake-up is sent for it. It is sent, not made: a switch cannot wake a task.
 *
 * @kernel pi_enable_wakeup_handler arch/x86/kvm/vmx/posted_intr.c
 */
export function* enableWakeupHandler(pi: VcpuPi, irqsOff: boolean): Task {
  const cpu = loadedOn(pi);
  if (!irqsOff) yield* localIrqSave(cpu);
  // On the list first: a wake-up that finds nobody there is lost.
  join_wakeup_list: yield* joinWakeupList(pi, cpu);
  const control = yield* notifyWakeup(pi.desc as PiDesc);
  wake_for_earlier_post: if ((control & PI_ON) !== 0n) yield* wakeSelf(pi, cpu);
  if (!irqsOff) yield* localIrqRestore(cpu);
}

/** The CPU takes this one as soon as the switch is over. */
export function* wakeSelf(_pi: VcpuPi, cpu: HostCpu): Task {
  yield* sendVector(cpu, Vector.POSTED_INTR_WAKEUP);
}

/** Posts notify with the wake-up vector; returns the control word as it is then. */
export function* notifyWakeup(desc: PiDesc): Task<bigint> {
  let old = yield* desc.control.readOnce();
  for (;;) {
    const next = withNv(old, POSTED_INTR_WAKEUP_VECTOR);
    const seen = yield* desc.control.cmpxchg(old, next, at('pi.notify_wakeup'));
    if (seen === old) return next;
    old = seen;
  }
}

/** With interrupts off. */
export function* joinWakeupList(pi: VcpuPi, cpu: HostCpu): Task {
  const percpu = percpuOf(pi, cpu);
  const lock = wakeupLock(pi.vm as VmPi, percpu);
  yield* lock.lock();
  bugOn(pi.onWakeupList === 1, 'list_add double add: the vCPU is on a wake-up list already');
  pi.wakeupNext = percpu.wakeupVcpusOnCpu;
  percpu.wakeupVcpusOnCpu = pi;
  pi.onWakeupList = 1;
  yield* lock.unlock();
}

/** With interrupts off. `cpu` is the one whose list it joined. */
export function* leaveWakeupList(pi: VcpuPi, cpu: HostCpu): Task {
  const percpu = percpuOf(pi, cpu);
  const lock = wakeupLock(pi.vm as VmPi, percpu);
  yield* lock.lock();
  unlink(percpu, pi);
  yield* lock.unlock();
}

/** Under the list's lock. */
export function unlink(percpu: PiPerCpu, pi: VcpuPi): void {
  bugOn(pi.onWakeupList === 0, 'list_del of a vCPU that is on no wake-up list');
  const next = pi.wakeupNext;
  let before: VcpuPi | null = null;
  for (let at = percpu.wakeupVcpusOnCpu; at !== pi; at = at.wakeupNext) {
    bugOn(at === null, 'list_del corruption: the vCPU is on the list of another CPU');
    before = at;
    if (at === null) return;
  }
  if (before === null) percpu.wakeupVcpusOnCpu = next;
  else before.wakeupNext = next;
  pi.wakeupNext = null;
  pi.onWakeupList = 0;
}

export function percpuOf(pi: VcpuPi, cpu: HostCpu): PiPerCpu {
  return (pi.vm as VmPi).percpu.get(cpu.id) as PiPerCpu;
}
