/**
 * Interrupts from one CPU to another, for the sake of the interruption: the handler does nothing. Where a CPU takes
 * interrupts is a lock: it is held while interrupts are off, and in the guest from the start of an instruction to its
 * end. Delivery is a transition that needs this lock, so it happens exactly where the CPU accepts it, and what it
 * changes is the CPU: a guest is no longer running. Nobody looks at a flag to find out.
 *
 * - An interrupt whose sender waits: the sender can do nothing between sending and the acknowledgement, so only the
 *   moment of delivery can be told from outside; the sender executes it. That makes waiting for another CPU an edge from
 *   sender to whoever has interrupts off. With several targets, which takes it next is a choice.
 * - An interrupt whose sender goes on: it may arrive at any time later, so a thread of its own executes it.
 *
 * After an interrupt has ended a guest's turn, the host runs with interrupts off for a few instructions more. They touch
 * nothing that others see, and the acknowledgement is given before them instead of after: the sender may go on earlier
 * than on hardware, which only adds interleavings.
 */
import { choose, type Task } from '@faultline/machine';
import type { Vcpu } from '../virt/kvm.ts';
import { processPostedInterrupts } from './apic-virtualization.ts';

/** Interrupts are off from here on the CPU of the vCPU, whose own thread asks. @kernel local_irq_disable include/linux/irqflags.h */
export function* irqsOff(vcpu: Vcpu): Task {
  yield* vcpu.tlb.lock.lock();
}

/** They are taken again: in the host, or because the CPU enters the guest. @kernel local_irq_enable include/linux/irqflags.h */
export function* irqsOn(vcpu: Vcpu): Task {
  yield* vcpu.tlb.lock.unlock();
}

/** Interrupts the CPU of each vCPU, and returns when each has taken it. @kernel smp_call_function_many kernel/smp.c */
export function* callFunctionMany(targets: readonly Vcpu[]): Task {
  const left = [...targets];
  while (left.length > 0) {
    const next = left.length === 1 ? 0 : yield* choose('CPU that takes the interrupt next', left.length);
    yield* deliver(left[next] as Vcpu);
    left.splice(next, 1);
  }
}

/** Interrupts the CPU of the vCPU some time later. @kernel smp_send_reschedule arch/x86/include/asm/smp.h */
export function* sendIpi(vcpu: Vcpu): Task {
  yield* vcpu.cpu.irr.fetchOr(PENDING);
}

/** The vector that tells a CPU of posted interrupts. @kernel POSTED_INTR_VECTOR arch/x86/include/asm/irq_vectors.h */
export function* sendPostedInterrupt(vcpu: Vcpu): Task {
  yield* vcpu.cpu.irr.fetchOr(POSTED);
}

const PENDING = 1;
const QUIET = 2;
const POSTED = 4;

/** A thread beside the vCPU's: delivers what `sendIpi` sends, until `noMoreIpis`. */
export function* interruptController(vcpu: Vcpu): Task {
  const { irr } = vcpu.cpu;
  for (;;) {
    const sent = yield* irr.awaitDiffers(0);
    if ((sent & POSTED) !== 0) {
      yield* irr.fetchAndnot(POSTED);
      yield* deliverPosted(vcpu);
      continue;
    }
    if ((sent & PENDING) === 0) return;
    yield* irr.fetchAndnot(PENDING);
    yield* deliver(vcpu);
  }
}

/** Nobody will send another: the scenario's senders are done. */
export function* noMoreIpis(vcpu: Vcpu): Task {
  yield* vcpu.cpu.irr.fetchOr(QUIET);
}

/** The CPU takes the interrupt. In the guest that is a VM-exit. */
function* deliver(vcpu: Vcpu): Task {
  const { cpu, tlb } = vcpu;
  yield* tlb.lock.lock();
  if (cpu.inGuest === 1 && cpu.interrupted === 0) {
    cpu.interrupted = 1;
    yield* cpu.vmExits.fetchAdd(1);
  }
  yield* tlb.lock.unlock();
}

/** A CPU whose guest has APICv on deals with it there; else it is an interrupt that says nothing. */
function* deliverPosted(vcpu: Vcpu): Task {
  const { cpu, tlb } = vcpu;
  yield* tlb.lock.lock();
  const virtual = cpu.inGuest === 1 && cpu.interrupted === 0 && vcpu.apic?.virtualizes === 1;
  if (virtual) yield* processPostedInterrupts(vcpu);
  yield* tlb.lock.unlock();
  if (!virtual) yield* deliver(vcpu);
}
