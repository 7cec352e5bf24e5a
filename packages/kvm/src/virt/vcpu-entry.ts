/**
 * @area mmu
 *
 * Into the guest and out of it. Requests are processed before any guest access. Then interrupts go off, so that one sent
 * from here on is taken in the guest, where it forces an exit; the mode says so; and only then the requests are looked at
 * for the last time.
 *
 * vcpuEntry 'abstract' does all that in one step, at the moment of that last look.
 */
import { atomically, smpMb, smpWmb, type Task } from '@faultline/machine';
import { irqsOff, irqsOn } from '../hw/ipi.ts';
import { insideInstruction, type Touched } from '../hw/tdp-access.ts';
import { emptyTlb } from '../hw/tlb.ts';
import type { Gpa } from '../types.ts';
import { mmuLoad, mmuReload } from '../x86/mmu-load.ts';
import { vcpuBlock } from './kick.ts';
import type { Kvm, Vcpu } from './kvm.ts';
import { checkRequest, Request, requestBit } from './requests.ts';
import { VcpuMode } from './vcpu-mode.ts';

/** One load or store of the guest, which is entered first if the vCPU is not in it, and left if the access faults. */
export function* runInstruction(vcpu: Vcpu, gpa: Gpa, write: boolean, value: bigint): Task<Touched> {
  yield* startInstruction(vcpu);
  const touched = yield* insideInstruction(vcpu, gpa, write, value);
  if ('value' in touched) yield* irqsOn(vcpu);
  else yield* leaveGuest(vcpu);
  return touched;
}

/** In the guest, with an instruction begun. */
export function* startInstruction(vcpu: Vcpu): Task {
  const { cpu } = vcpu;
  for (;;) {
    if (cpu.inGuest === 0) yield* enterGuest(vcpu);
    yield* irqsOff(vcpu);
    if (cpu.interrupted === 0) return;
    yield* leaveGuest(vcpu);
  }
}

/** The guest spins, touching no memory, until it has been given these interrupts, a bit each. */
export function* spinInGuest(vcpu: Vcpu, until: number): Task {
  for (;;) {
    yield* startInstruction(vcpu);
    const seen = yield* vcpu.cpu.vmExits.readOnce();
    yield* irqsOn(vcpu);
    if ((vcpu.injected & until) === until) return;
    // Nothing makes such a guest exit but an interrupt of its CPU.
    yield* vcpu.cpu.vmExits.awaitDiffers(seen);
    yield* irqsOff(vcpu);
    yield* leaveGuest(vcpu);
  }
}

/** The guest halts until it has been given these interrupts. @kernel vcpu_run arch/x86/kvm/x86.c */
export function* haltInGuest(vcpu: Vcpu, until: number): Task {
  yield* exitGuest(vcpu);
  while ((vcpu.injected & until) !== until) {
    yield* vcpuBlock(vcpu);
    yield* processRequests(vcpu);
  }
}

/** Whatever the guest does next concerns the host: out, if it is in. */
export function* exitGuest(vcpu: Vcpu): Task {
  if (vcpu.cpu.inGuest === 0) return;
  yield* irqsOff(vcpu);
  yield* leaveGuest(vcpu);
}

/** Before VM-enter. @kernel vcpu_enter_guest arch/x86/kvm/x86.c */
export function* enterGuest(vcpu: Vcpu): Task {
  if (vcpu.root === null) yield* mmuLoad(vcpu);
  if ((vcpu.kvm as Kvm).config.vcpuEntry === 0) {
    yield* enterAtOnce(vcpu);
    return;
  }
  for (;;) {
    yield* processRequests(vcpu);
    yield* irqsOff(vcpu);
    set_in_guest_mode: yield* vcpu.mode.storeRelease(VcpuMode.IN_GUEST);
    // Pairs with the barrier between request and mode of whoever kicks.
    order_mode_before_requests: yield* smpMb();
    check_requests_again: if (yield* exitRequested(vcpu)) {
      yield* vcpu.mode.writeOnce(VcpuMode.OUTSIDE_GUEST);
      yield* smpWmb();
      yield* irqsOn(vcpu);
      continue;
    }
    vcpu.cpu.inGuest = 1;
    yield* irqsOn(vcpu);
    return;
  }
}

/** After VM-exit, with interrupts off; they come on at the end. @kernel vcpu_enter_guest arch/x86/kvm/x86.c */
export function* leaveGuest(vcpu: Vcpu): Task {
  vcpu.cpu.inGuest = 0;
  vcpu.cpu.interrupted = 0;
  yield* vcpu.mode.writeOnce(VcpuMode.OUTSIDE_GUEST);
  yield* smpWmb();
  yield* irqsOn(vcpu);
}

/** @kernel kvm_vcpu_exit_request arch/x86/kvm/x86.c */
export function* exitRequested(vcpu: Vcpu): Task<boolean> {
  if ((yield* vcpu.requests.readOnce()) !== 0n) return true;
  // Kicked without a request. The interrupt is on its way, and would end the guest's turn as soon as it begins.
  kicked_on_the_way_in: if ((yield* vcpu.mode.readOnce()) === VcpuMode.EXITING_GUEST) return true;
  return false;
}

const HANDLED =
  requestBit(Request.MMU_FREE_OBSOLETE_ROOTS) | requestBit(Request.TLB_FLUSH) | requestBit(Request.EVENT);

/** With interrupts on and outside the guest: some of this takes locks. @kernel vcpu_enter_guest arch/x86/kvm/x86.c */
export function* processRequests(vcpu: Vcpu): Task {
  const pending = yield* vcpu.requests.readOnce();
  if (pending === 0n) return;
  if (yield* checkRequest(vcpu, pending, Request.MMU_FREE_OBSOLETE_ROOTS)) yield* mmuReload(vcpu);
  if (yield* checkRequest(vcpu, pending, Request.TLB_FLUSH)) {
    flush_tlb_on_request: emptyTlb(vcpu.tlb);
  }
  if (yield* checkRequest(vcpu, pending, Request.EVENT)) vcpu.injected |= yield* vcpu.events.xchg(0);
  const rest = pending & ~HANDLED;
  if (rest !== 0n) yield* vcpu.requests.fetchAndnot(rest);
}

/** The whole entry at the moment of the last look at the requests: a flush is processed in the same step. */
function* enterAtOnce(vcpu: Vcpu): Task {
  const flush = requestBit(Request.TLB_FLUSH);
  for (;;) {
    yield* irqsOff(vcpu);
    yield* atomically([vcpu.mode, vcpu.requests], 'write');
    const pending = vcpu.requests.peek();
    const enters = (pending & ~flush) === 0n;
    if (enters) {
      if (pending !== 0n) emptyTlb(vcpu.tlb);
      vcpu.requests.poke(0n);
      vcpu.mode.poke(VcpuMode.IN_GUEST);
      vcpu.cpu.inGuest = 1;
    }
    yield* irqsOn(vcpu);
    if (enters) return;
    yield* processRequests(vcpu);
  }
}
