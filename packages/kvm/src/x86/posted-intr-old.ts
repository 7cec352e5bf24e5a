/**
 * @area pi
 *
 * The same up to 5.16: a vCPU joins the list before it goes to sleep and leaves it when it is back, each with interrupts
 * off and while it has a CPU. The switches in between only say whether anybody is to be notified.
 */
import { at, bugOn, type Task } from '@faultline/machine';
import { type HostCpu, localIrqRestore, localIrqSave } from '../hw/host-cpu.ts';
import { joinWakeupList, leaveWakeupList, needsPiWakeup, noticeSuppressed } from './posted-intr.ts';
import {
  nvOf,
  PI_ON,
  PI_SN,
  POSTED_INTR_VECTOR,
  POSTED_INTR_WAKEUP_VECTOR,
  withNdst,
  withNv,
} from './posted-intr-desc.ts';
import { loadedOn, type PiDesc, type VcpuPi } from './posted-intr-state.ts';

/** Before it sleeps; false if it must not, because something was posted already. @kernel pi_pre_block arch/x86/kvm/vmx/posted_intr.c */
export function* piPreBlock(pi: VcpuPi): Task<boolean> {
  if (!(yield* needsPiWakeup(pi))) return true;
  const cpu = loadedOn(pi);
  yield* localIrqSave(cpu);
  // Still there from a sleep before: once is enough.
  if (pi.prePcpu === null) yield* joinListOf(pi, cpu);
  yield* notify(pi.desc as PiDesc, pi.prePcpu ?? cpu, POSTED_INTR_WAKEUP_VECTOR);
  stay_awake_for_earlier_post: if (((yield* (pi.desc as PiDesc).control.readOnce()) & PI_ON) !== 0n) {
    yield* undoPreBlock(pi, cpu);
  }
  yield* localIrqRestore(cpu);
  return pi.prePcpu !== null;
}

export function* joinListOf(pi: VcpuPi, cpu: HostCpu): Task {
  pi.prePcpu = cpu;
  yield* joinWakeupList(pi, cpu);
}

/** It is awake. @kernel pi_post_block arch/x86/kvm/vmx/posted_intr.c */
export function* piPostBlock(pi: VcpuPi): Task {
  // Whether or not the VM still has a device: what counts is where it is.
  if (pi.prePcpu === null) return;
  const cpu = loadedOn(pi);
  yield* localIrqSave(cpu);
  yield* undoPreBlock(pi, cpu);
  yield* localIrqRestore(cpu);
}

/** With interrupts off. @kernel __pi_post_block arch/x86/kvm/vmx/posted_intr.c */
export function* undoPreBlock(pi: VcpuPi, cpu: HostCpu): Task {
  yield* notify(pi.desc as PiDesc, cpu, POSTED_INTR_VECTOR);
  bugOn(pi.prePcpu === null, 'a vCPU leaves a wake-up list that it never joined');
  yield* leaveWakeupList(pi, pi.prePcpu ?? cpu);
  pi.prePcpu = null;
}

export function* notify(desc: PiDesc, cpu: HostCpu, vector: bigint): Task {
  let old = yield* desc.control.readOnce();
  for (;;) {
    const seen = yield* desc.control.cmpxchg(
      old,
      withNv(withNdst(old, cpu.id), vector),
      at('pi.notify_before_5_17'),
    );
    if (seen === old) return;
    old = seen;
  }
}

/** @kernel vmx_vcpu_pi_load arch/x86/kvm/vmx/posted_intr.c */
export function* vcpuPiLoadOld(pi: VcpuPi, cpu: HostCpu): Task {
  const desc = pi.desc as PiDesc;
  const control = yield* desc.control.readOnce();
  const last = loadedOn(pi);
  if ((control & PI_SN) === 0n && last === cpu) return;
  // While it is on a list, NDST stays with the list: a wake-up has to arrive where it is looked for.
  if (nvOf(control) === POSTED_INTR_WAKEUP_VECTOR || last === cpu) yield* desc.control.fetchAndnot(PI_SN);
  else yield* redirect(desc, cpu);
  yield* noticeSuppressed(desc);
}

function* redirect(desc: PiDesc, cpu: HostCpu): Task {
  let old = yield* desc.control.readOnce();
  for (;;) {
    const seen = yield* desc.control.cmpxchg(
      old,
      withNdst(old & ~PI_SN, cpu.id),
      at('pi.redirect_before_5_17'),
    );
    if (seen === old) return;
    old = seen;
  }
}

/** @kernel vmx_vcpu_pi_put arch/x86/kvm/vmx/posted_intr.c */
export function* vcpuPiPutOld(pi: VcpuPi): Task {
  if (!(yield* needsPiWakeup(pi))) return;
  suppress_while_preempted_before_5_17: if (pi.preempted === 1) {
    yield* (pi.desc as PiDesc).control.fetchOr(PI_SN);
  }
}
