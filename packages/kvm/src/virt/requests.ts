/**
 * @area mmu
 *
 * Requests: what others ask a vCPU to do before it runs its guest again, a bit each in vcpu->requests.
 */
import { at, smpMbAfterAtomic, smpWmb, type Task } from '@faultline/machine';
import type { Vcpu } from './kvm.ts';

/** Above the number of a request: do not wake a vCPU that sleeps; wait until it is out of the guest; set no bit. */
export const NO_WAKEUP = 1 << 8;
export const WAIT = 1 << 9;
export const NO_ACTION = 1 << 10;

const QUIET_WAIT = WAIT | NO_WAKEUP;
/** Where the numbers of an architecture begin. @kernel KVM_REQUEST_ARCH_BASE include/linux/kvm_host.h */
const ARCH = 8;

/** The ones that the model knows; others may be asked for, and are cleared unhandled. @kernel KVM_REQ_TLB_FLUSH include/linux/kvm_host.h */
export const Request = {
  TLB_FLUSH: 0 | QUIET_WAIT,
  VM_DEAD: 1 | QUIET_WAIT,
  UNBLOCK: 2,
  OUTSIDE_GUEST_MODE: NO_ACTION | QUIET_WAIT,
  EVENT: ARCH + 6,
  CLOCK_UPDATE: ARCH + 4,
  MCLOCK_INPROGRESS: (ARCH + 14) | QUIET_WAIT,
  APIC_PAGE_RELOAD: (ARCH + 17) | QUIET_WAIT,
  APICV_UPDATE: (ARCH + 25) | QUIET_WAIT,
  TLB_FLUSH_CURRENT: ARCH + 26,
  UPDATE_CPU_DIRTY_LOGGING: (ARCH + 30) | QUIET_WAIT,
  MMU_FREE_OBSOLETE_ROOTS: (ARCH + 31) | QUIET_WAIT,
} as const;

/** The bit of a request in vcpu->requests. */
export function requestBit(request: number): bigint {
  return 1n << BigInt(request & 0xff);
}

/** Leaves a request with the vCPU. @kernel __kvm_make_request include/linux/kvm_host.h */
export function* makeRequest(vcpu: Vcpu, request: number): Task {
  // What the request is about is written before the bit. Pairs with the barrier of whoever clears it.
  order_state_before_request: yield* smpWmb();
  yield* vcpu.requests.fetchOr(requestBit(request), at('mmu.set_request_bit'));
}

/**
 * Takes a request that `pending` shows; false if it shows none. The bit goes first: whoever asks again meanwhile is
 * heard again.
 *
 * @kernel kvm_check_request include/linux/kvm_host.h
 */
export function* checkRequest(vcpu: Vcpu, pending: bigint, request: number): Task<boolean> {
  const bit = requestBit(request);
  if ((pending & bit) === 0n) return false;
  yield* vcpu.requests.fetchAndnot(bit);
  order_clear_before_state: yield* smpMbAfterAtomic();
  return true;
}
