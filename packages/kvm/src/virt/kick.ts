/**
 * @area mmu
 *
 * Getting a vCPU's attention. Each side stores, then looks at what the other stores: the requester sets the bit, then
 * reads the mode; the vCPU sets the mode, then reads the requests. At least one of them sees the other, so either the
 * vCPU does not enter, or it is interrupted.
 */
import { at, retryAfterChange, type Seen, smpMb, type Task } from '@faultline/machine';
import { callFunctionMany, sendIpi } from '../hw/ipi.ts';
import { KVM_MAX_VCPUS, type Kvm, type Vcpu } from './kvm.ts';
import { makeRequest, NO_ACTION, NO_WAKEUP, Request, WAIT } from './requests.ts';
import { VcpuMode } from './vcpu-mode.ts';

/**
 * Asks every vCPU. If the request says WAIT, no vCPU is still in the guest as it was when this returns; one that comes
 * back has seen the request first. Not with interrupts off: two that do that wait for each other.
 *
 * @kernel kvm_make_all_cpus_request virt/kvm/kvm_main.c
 */
export function* makeAllCpusRequest(kvm: Kvm, request: number): Task {
  const targets: Vcpu[] = [];
  for (let i = 0; i < KVM_MAX_VCPUS; i++) {
    const vcpu = kvm.vcpus.at(i).peek();
    if (vcpu === null) break;
    if (yield* makeVcpuRequest(vcpu, request)) targets.push(vcpu);
  }
  interrupt_vcpus_in_guest: yield* kickMany(targets, (request & WAIT) !== 0);
}

/** Returns whether its CPU has to be interrupted. @kernel kvm_make_vcpu_request virt/kvm/kvm_main.c */
export function* makeVcpuRequest(vcpu: Vcpu, request: number): Task<boolean> {
  set_request: if ((request & NO_ACTION) === 0) yield* makeRequest(vcpu, request);
  if ((request & NO_WAKEUP) === 0 && (yield* wakeUp(vcpu))) return false;
  return yield* requestNeedsIpi(vcpu, request);
}

/** @kernel kvm_request_needs_ipi virt/kvm/kvm_main.c */
export function* requestNeedsIpi(vcpu: Vcpu, request: number): Task<boolean> {
  const mode = yield* exitingGuestMode(vcpu);
  // Somebody else may have sent an interrupt; that says nothing about whether it has been taken.
  if ((request & WAIT) !== 0) return mode !== VcpuMode.OUTSIDE_GUEST;
  return mode === VcpuMode.IN_GUEST;
}

/** Notes that somebody wants the vCPU out, if it is in; returns the mode from before. @kernel kvm_vcpu_exiting_guest_mode include/linux/kvm_host.h */
function* exitingGuestMode(vcpu: Vcpu): Task<number> {
  // The bit is set before the mode is read. Pairs with the barrier between mode and requests of the vCPU's entry.
  order_request_before_mode: yield* smpMb();
  return yield* vcpu.mode.cmpxchg(VcpuMode.IN_GUEST, VcpuMode.EXITING_GUEST);
}

/** @kernel kvm_kick_many_cpus virt/kvm/kvm_main.c */
export function* kickMany(targets: readonly Vcpu[], wait: boolean): Task {
  if (wait) {
    yield* callFunctionMany(targets);
    return;
  }
  for (const vcpu of targets) yield* sendIpi(vcpu);
}

/** Makes a vCPU look at its requests soon: wakes it if it sleeps, interrupts it if it is in the guest. Never waits. @kernel kvm_vcpu_kick virt/kvm/kvm_main.c */
export function* vcpuKick(vcpu: Vcpu): Task {
  wake_before_kick: if (yield* wakeUp(vcpu)) return;
  if ((yield* exitingGuestMode(vcpu)) !== VcpuMode.IN_GUEST) return;
  send_kick: yield* sendIpi(vcpu);
}

/** An interrupt for the guest: the local APIC holds it, and the vCPU is made to look. @kernel __apic_accept_irq arch/x86/kvm/lapic.c */
export function* acceptIrq(vcpu: Vcpu, vector: number): Task {
  yield* vcpu.events.fetchOr(1 << vector, at('mmu.note_interrupt'));
  request_event: yield* makeRequest(vcpu, Request.EVENT);
  yield* vcpuKick(vcpu);
}

/** Wakes a vCPU that sleeps; returns whether it did. @kernel kvm_vcpu_wake_up virt/kvm/kvm_main.c */
export function* wakeUp(vcpu: Vcpu): Task<boolean> {
  return (yield* vcpu.blocking.cmpxchg(1, 0)) === 1;
}

/**
 * The vCPU has nothing to run: sleeps until it is woken, unless there is a request already. It says that it sleeps, and
 * looks then.
 *
 * @kernel kvm_vcpu_block virt/kvm/kvm_main.c
 */
export function* vcpuBlock(vcpu: Vcpu): Task {
  yield* vcpu.blocking.writeOnce(1);
  // Pairs with the barrier between request and wake-up: whoever asks now finds it asleep, or it finds the request.
  order_blocking_before_check: yield* smpMb();
  check_before_sleeping: if ((yield* vcpu.requests.readOnce()) !== 0n) {
    yield* vcpu.blocking.writeOnce(0);
    return;
  }
  const asleep: Seen[] = [[vcpu.blocking, 1]];
  yield* retryAfterChange(asleep);
}
