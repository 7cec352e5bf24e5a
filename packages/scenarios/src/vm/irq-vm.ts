/** A VM that routes interrupts: line 0 leads to vCPU 0, an eventfd may raise it. */
import {
  createVcpu,
  createVm,
  type Eventfd,
  type Kvm,
  openEventfd,
  type Vcpu,
  type VmOptions,
} from '@faultline/kvm';
import { type KvmIrq, RouteType, type RoutingEntry, setIrqRouting } from '@faultline/kvm/seams';
import { type Cell, cell32, type StructType, struct, type Task, type View } from '@faultline/machine';

interface Progress extends View {
  readonly returned: Cell<number>;
}

const Progress: StructType<Progress> = struct('irq_progress', { returned: cell32 }, { as: 'vmm' });

export interface IrqVm {
  readonly kvm: Kvm;
  readonly irq: KvmIrq;
  readonly vcpu: Vcpu;
  readonly vcpus: readonly Vcpu[];
  readonly eventfd: Eventfd;
  /** Not KVM's: how many ioctls have returned. */
  readonly progress: Progress;
}

export const LINE = 0;

/** An MSI for a vCPU. */
export const msi = (data: number, address = 0): RoutingEntry => ({
  gsi: LINE,
  type: RouteType.MSI,
  address,
  data,
});
/** A pin of the I/O APIC: delivered by the work of an irqfd. */
export const pin = (data: number): RoutingEntry => ({ gsi: LINE, type: RouteType.IRQCHIP, data });

interface Options {
  readonly route?: RoutingEntry | null;
  readonly vcpus?: number;
  /** Threads that may queue work for the workers. */
  readonly actors?: number;
  readonly vm?: VmOptions;
}

export function* irqVm({ route = msi(1), vcpus = 1, actors = 0, vm = {} }: Options = {}): Task<IrqVm> {
  const kvm = yield* createVm({ tableEntries: 1, irqRouting: true, ...vm });
  const made: Vcpu[] = [];
  for (let id = 0; id < vcpus; id++) made.push((yield* createVcpu(kvm, id)) as Vcpu);
  if (route !== null) yield* setIrqRouting(kvm, [route]);
  const irq = kvm.irq as KvmIrq;
  irq.actors.poke(actors);
  const progress = Progress.alloc();
  return { kvm, irq, vcpu: made[0] as Vcpu, vcpus: made, eventfd: openEventfd(), progress };
}

/** The vectors that a vCPU has been sent, a bit each. */
export const vectors = (vcpu: Vcpu): number => vcpu.events.peek();
