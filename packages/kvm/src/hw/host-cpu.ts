/**
 * @area pi
 *
 * A physical CPU that tasks come to and leave, and the interrupts that it takes. Where it takes none is a lock: held
 * while interrupts are off, and by a handler while it runs, so a handler runs only where the task below it has them on.
 * An interrupt that was sent stays in `irr` until the CPU takes it. Whether its task may be moved is another lock.
 */
import {
  array,
  type Cell,
  cell32,
  type Elements,
  guardedBy,
  irqsOff,
  ptr,
  rawSpinlock,
  type SpinLock,
  type StructType,
  struct,
  type Task,
  u32Field,
  type View,
} from '@faultline/machine';

export interface HostCpu extends View {
  /** Its local APIC's id. */
  id: number;
  /** Held: interrupts are off. */
  readonly irqs: SpinLock;
  /** Vectors that were sent and not taken, a bit each: see Vector. */
  readonly irr: Cell<number>;
  /** What runs here: changed with it held, from the choice of the next task to the end of the switch. */
  readonly rqLock: SpinLock;
  /** Held: the task that runs here keeps its CPU. */
  readonly preempt: SpinLock;
  /** The id of the vCPU whose guest this CPU runs, and one; 0 in the host. With interrupts off. */
  guest: number;
  /** Interrupts taken while a guest ran. */
  readonly taken: Cell<number>;
}

export const HostCpu: StructType<HostCpu> = struct(
  'host_cpu',
  {
    id: u32Field,
    irqs: irqsOff(rawSpinlock),
    irr: cell32,
    rqLock: rawSpinlock,
    preempt: rawSpinlock,
    guest: guardedBy(u32Field, 'pcpu->irqs'),
    taken: cell32,
  },
  { as: 'pcpu' },
);

/** At most this many CPUs of a host. */
export const HOST_CPUS = 2;

/** The CPUs of the host. */
export interface HostCpus extends View {
  count: number;
  readonly cpu: Elements<HostCpu | null>;
}

export const HostCpus: StructType<HostCpus> = struct(
  'host_cpus',
  {
    count: u32Field,
    cpu: array(
      ptr((): StructType<HostCpu> => HostCpu),
      HOST_CPUS,
    ),
  },
  { as: 'cpus' },
);

/** For set-up. */
export function allocHostCpus(count: number): HostCpus {
  const cpus = HostCpus.alloc();
  cpus.count = count;
  for (let id = 0; id < count; id++) {
    const cpu = HostCpu.alloc();
    cpu.id = id;
    cpus.cpu.set(id, cpu);
  }
  return cpus;
}

/** The CPU whose local APIC has this id. */
export function cpuOf(cpus: HostCpus, id: number): HostCpu {
  return cpus.cpu.get(id) as HostCpu;
}

/** Interrupts are off from here on the CPU, whose own task asks. @kernel local_irq_save include/linux/irqflags.h */
export function* localIrqSave(cpu: HostCpu): Task {
  yield* cpu.irqs.lock();
}

/** They are taken again. @kernel local_irq_restore include/linux/irqflags.h */
export function* localIrqRestore(cpu: HostCpu): Task {
  yield* cpu.irqs.unlock();
}

/** Vectors of the model, by their bit in `irr`. @kernel POSTED_INTR_VECTOR arch/x86/include/asm/irq_vectors.h */
export const Vector = { POSTED_INTR: 1, POSTED_INTR_WAKEUP: 2, CALL_FUNCTION: 4 } as const;
const QUIET = 1 << 31;

/** Sends an interrupt; the CPU takes it some time later. @kernel __apic_send_IPI_mask arch/x86/include/asm/apic.h */
export function* sendVector(cpu: HostCpu, vector: number): Task {
  yield* cpu.irr.fetchOr(vector);
}

/** The next interrupts that the CPU takes, all that have arrived by then; 0 when nobody sends any more. Interrupts are off then. */
export function* nextInterrupts(cpu: HostCpu): Task<number> {
  if (((yield* cpu.irr.awaitDiffers(0)) & ~QUIET) === 0) return 0;
  yield* cpu.irqs.lock();
  const vectors = (yield* cpu.irr.fetchAnd(QUIET)) & ~QUIET;
  return vectors;
}

/** Nobody will send an interrupt to any of these: the scenario's senders are done. */
export function* noMoreVectors(cpus: HostCpus): Task {
  for (let id = 0; id < cpus.count; id++) yield* cpuOf(cpus, id).irr.fetchOr(QUIET);
}
