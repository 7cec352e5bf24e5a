/**
 * Who uses virtualization: one count for the host, and for each CPU whether it is in VMX operation. What protects the
 * count has changed: kvm_count_lock (up to 6.2), kvm_lock inside cpus_read_lock (6.3), kvm_usage_lock with the hotplug
 * core's own walk over the CPUs (6.12).
 */
import {
  array,
  type Cell,
  cell32,
  type Elements,
  embed,
  fairRwlock,
  guardedBy,
  type Mutex,
  mutex,
  ptr,
  type RwLock,
  rawSpinlock,
  type SpinLock,
  type StructType,
  spinlock,
  struct,
  u32Field,
  type View,
  type ViewType,
} from '@faultline/machine';
import { allocHostCpus, HOST_CPUS, type HostCpu, HostCpus } from '../hw/host-cpu.ts';

export const HardwareForm = { COUNT_LOCK: 0, KVM_LOCK: 1, USAGE_LOCK: 2 } as const;

/** On its CPU, with interrupts off there. */
export const HardwareCpu = struct('hardware_cpu', {
  /** KVM's word for it. @kernel hardware_enabled virt/kvm/kvm_main.c */
  enabled: u32Field,
  /** The truth: CR4.VMXE is set and VMXON was executed. */
  vmxOn: u32Field,
  /** Firmware has locked VMX off. */
  locked: u32Field,
});
export type HardwareCpu = ViewType<typeof HardwareCpu>;

export interface KvmHardware extends View {
  /** See HardwareForm. */
  form: number;
  cpus: HostCpus | null;
  readonly cpu: Elements<HardwareCpu>;
  readonly kvmCountLock: SpinLock;
  /** For "what if it were not raw". */
  readonly kvmCountSpinlock: SpinLock;
  readonly kvmLock: Mutex;
  readonly kvmUsageLock: Mutex;
  /** VMs that exist. */
  kvmUsageCount: number;
  /** CPUs that could not be enabled in this round. @kernel hardware_enable_failed virt/kvm/kvm_main.c */
  readonly enableFailed: Cell<number>;
  /** Readers keep CPUs from coming and going. A writer that waits stops new readers. @kernel cpu_hotplug_lock kernel/cpu.c */
  readonly cpuHotplugLock: RwLock;
  /** CPUs that take interrupts, and CPUs that run tasks, a bit each. */
  readonly online: Cell<number>;
  readonly active: Cell<number>;
  /** 6.12: the hotplug core calls KVM for CPUs that come and go. Changes while none does. */
  readonly stateInstalled: Cell<number>;
}

const LOCKS = [
  'kvm_hardware->kvm_count_lock',
  'kvm_hardware->kvm_count_spinlock',
  'kvm_hardware->kvm_lock',
  'kvm_hardware->kvm_usage_lock',
];

export const KvmHardware: StructType<KvmHardware> = struct(
  'kvm_hardware',
  {
    form: u32Field,
    cpus: ptr((): StructType<HostCpus> => HostCpus),
    cpu: array(embed(HardwareCpu), HOST_CPUS),
    kvmCountLock: rawSpinlock,
    kvmCountSpinlock: spinlock,
    kvmLock: mutex,
    kvmUsageLock: mutex,
    // Or all tasks are frozen.
    kvmUsageCount: guardedBy(u32Field, ...LOCKS, 'pm->freezer'),
    enableFailed: cell32,
    cpuHotplugLock: fairRwlock,
    online: cell32,
    active: cell32,
    stateInstalled: cell32,
  },
  { as: 'kvm_hardware' },
);

export interface HardwareOptions {
  /** Up to 6.2, from 6.3, or from 6.12 on. */
  readonly form?: 'kvm_count_lock' | 'kvm_lock' | 'kvm_usage_lock';
  readonly cpus?: number;
  /** CPUs that are up, a bit each; all when left out. */
  readonly online?: number;
  /** A CPU where VMX is locked off. */
  readonly lockedCpu?: number;
}

const FORMS = {
  kvm_count_lock: HardwareForm.COUNT_LOCK,
  kvm_lock: HardwareForm.KVM_LOCK,
  kvm_usage_lock: HardwareForm.USAGE_LOCK,
} as const;

/** For set-up: no VM yet, no CPU enabled. */
export function allocHardware(options: HardwareOptions = {}): KvmHardware {
  const hw = KvmHardware.alloc();
  const count = options.cpus ?? 2;
  hw.form = FORMS[options.form ?? 'kvm_count_lock'];
  hw.cpus = allocHostCpus(count);
  const online = options.online ?? (1 << count) - 1;
  hw.online.poke(online);
  hw.active.poke(online);
  if (options.lockedCpu !== undefined) hw.cpu.at(options.lockedCpu).locked = 1;
  return hw;
}

/** The lock of the count up to 6.2. Raw: it is taken where a CPU comes up with interrupts off. */
export function countLock(hw: KvmHardware): SpinLock {
  return hw.kvmCountLock;
}

export function hardwareCpu(hw: KvmHardware, cpu: HostCpu): HardwareCpu {
  return hw.cpu.at(cpu.id);
}
