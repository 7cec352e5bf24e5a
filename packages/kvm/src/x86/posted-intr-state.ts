/** State of posted interrupts: the descriptor as the hardware reads it, and what KVM keeps beside it. */
import {
  array,
  type Cell,
  cell32,
  cell64,
  type Elements,
  guardedBy,
  kernelName,
  ptr,
  ptrCell,
  rawSpinlock,
  type SpinLock,
  type StructType,
  spinlock,
  struct,
  u32Field,
  u64Field,
  type View,
} from '@faultline/machine';
import { HOST_CPUS, HostCpu, HostCpus } from '../hw/host-cpu.ts';
import { Kvm, Vcpu } from '../virt/kvm.ts';

/** @kernel struct pi_desc arch/x86/kvm/vmx/posted_intr.h: 64 bytes, of which the last 24 are reserved. */
export interface PiDesc extends View {
  /** Posted interrupt requests: a bit for each of 256 vectors. */
  readonly pir: Elements<Cell<bigint>>;
  /** Notification: see posted-intr-desc.ts for its fields. */
  readonly control: Cell<bigint>;
  /** Of the model: words of `pir` that its vectors are in. */
  words: number;
}

const PIR_WORDS = 4;

export const PiDesc: StructType<PiDesc> = struct(
  'pi_desc',
  { pir: array(cell64, PIR_WORDS), control: cell64, words: u32Field, reserved: array(u32Field, 5) },
  { as: 'pi_desc' },
);

/** What KVM keeps on each CPU. */
export interface PiPerCpu extends View {
  /** Protects the list. Its CPU's interrupt handler takes it, and whoever loads or puts a vCPU, with interrupts off. */
  readonly wakeupVcpusOnCpuLock: SpinLock;
  /** Its name and type up to 5.16. */
  readonly blockedVcpuOnCpuLock: SpinLock;
  /** The vCPUs that sleep here, and are to be woken by a posted interrupt. */
  wakeupVcpusOnCpu: VcpuPi | null;
}

const LIST = ['percpu->wakeup_vcpus_on_cpu_lock', 'percpu->blocked_vcpu_on_cpu_lock'];

export const PiPerCpu: StructType<PiPerCpu> = struct(
  'pi_percpu',
  {
    wakeupVcpusOnCpuLock: rawSpinlock,
    blockedVcpuOnCpuLock: spinlock,
    wakeupVcpusOnCpu: guardedBy(
      ptr((): StructType<VcpuPi> => VcpuPi),
      ...LIST,
    ),
  },
  { as: 'percpu' },
);

/** What a VM needs for posted interrupts. */
export interface VmPi extends View {
  kvm: Kvm | null;
  cpus: HostCpus | null;
  readonly percpu: Elements<PiPerCpu | null>;
  /** By vCPU id. */
  readonly vcpus: Elements<VcpuPi | null>;
  /** 1: as up to 5.16, see posted-intr-old.ts. */
  old: number;
  /** Devices that the VM owns: their interrupts are posted by the IOMMU. */
  readonly assignedDeviceCount: Cell<number>;
}

export const VmPi: StructType<VmPi> = struct(
  'vm_pi',
  {
    kvm: ptr((): StructType<Kvm> => Kvm),
    cpus: ptr((): StructType<HostCpus> => HostCpus),
    percpu: array(
      ptr((): StructType<PiPerCpu> => PiPerCpu),
      HOST_CPUS,
    ),
    vcpus: array(
      ptr((): StructType<VcpuPi> => VcpuPi),
      2,
    ),
    old: u32Field,
    assignedDeviceCount: cell32,
  },
  { as: 'vm_pi' },
);

/** What a vCPU needs for them. @kernel struct vcpu_vmx arch/x86/kvm/vmx/vmx.h */
export interface VcpuPi extends View {
  vm: VmPi | null;
  vcpu: Vcpu | null;
  desc: PiDesc | null;
  /** The CPU that it was last loaded on: vcpu->cpu. Written by its own thread, read by whoever sends an interrupt. */
  readonly cpu: Cell<HostCpu | null>;
  /** The CPU that its thread runs on. Its own thread's. */
  runsOn: HostCpu | null;
  /** Next on the list of the CPU where it sleeps, and whether it is on one. */
  wakeupNext: VcpuPi | null;
  onWakeupList: number;
  /** The CPU on whose list it is; null: on none. Up to 5.16. Its own thread's. */
  prePcpu: HostCpu | null;
  /** It has said that it is going to sleep, and has not taken that back: rcuwait_active(). Its own thread's. */
  waiting: number;
  /** It lost its CPU while it could have gone on. Its own thread's. */
  preempted: number;
  /** Vectors in the virtual APIC's IRR, those of the descriptor's first word. Its own thread's, and the CPU's that runs its guest. */
  virr: bigint;
  /** Vectors that the guest has handled. */
  handled: bigint;
}

export const VcpuPi: StructType<VcpuPi> = struct(
  'vcpu_pi',
  {
    vm: ptr((): StructType<VmPi> => VmPi),
    vcpu: ptr((): StructType<Vcpu> => Vcpu),
    desc: ptr((): StructType<PiDesc> => PiDesc),
    cpu: ptrCell((): StructType<HostCpu> => HostCpu),
    runsOn: kernelName(
      'task_cpu',
      ptr((): StructType<HostCpu> => HostCpu),
    ),
    wakeupNext: guardedBy(
      ptr((): StructType<VcpuPi> => VcpuPi),
      ...LIST,
    ),
    onWakeupList: guardedBy(u32Field, ...LIST),
    prePcpu: ptr((): StructType<HostCpu> => HostCpu),
    waiting: u32Field,
    preempted: u32Field,
    virr: u64Field,
    handled: u64Field,
  },
  { as: 'vmx' },
);

/** The CPU that the vCPU's own thread runs on, which asks. @kernel smp_processor_id include/linux/smp.h */
export function ownCpu(pi: VcpuPi): HostCpu {
  return pi.runsOn as HostCpu;
}

/** vcpu->cpu, for the vCPU's own thread: nobody else writes it. */
export function loadedOn(pi: VcpuPi): HostCpu {
  return pi.cpu.peek() as HostCpu;
}

/** Raw since 5.17: PREEMPT_RT turns the other kind into one that sleeps, and a hard interrupt's handler cannot. */
export function wakeupLock(vm: VmPi, percpu: PiPerCpu): SpinLock {
  return vm.old === 1 ? percpu.blockedVcpuOnCpuLock : percpu.wakeupVcpusOnCpuLock;
}
