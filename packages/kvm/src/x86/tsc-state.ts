/** What a VM and its vCPUs know of their time-stamp counters, and of the clock that their guests read. */
import {
  array,
  type Cell,
  cell32,
  cell53,
  type Elements,
  i32Field,
  irqsOff,
  ptr,
  rawSpinlock,
  type SpinLock,
  type StructType,
  struct,
  u32Field,
  u53Field,
  type View,
} from '@faultline/machine';
import { HostClock } from '../host/clock.ts';
import { Kvm, Vcpu } from '../virt/kvm.ts';

/** Part of struct kvm_arch; the words from here to `nrVcpusMatchedTsc` are protected by tsc_write_lock. */
export interface VmTsc extends View {
  kvm: Kvm | null;
  host: HostClock | null;
  /** The host's counter runs at one rate everywhere. */
  hostTscStable: number;
  /** 1: user space's first value is never taken for a repetition. Absent in 6.1. */
  knowsUserSet: number;
  readonly vcpus: Elements<VcpuTsc | null>;
  /** Raw: the reads of two clocks and what is computed of them are one step. */
  readonly tscWriteLock: SpinLock;
  /** The last write: when, what, the offset that came of it; khz 0: none yet. */
  readonly lastTscNsec: Cell<number>;
  readonly lastTscWrite: Cell<number>;
  readonly lastTscKhz: Cell<number>;
  readonly lastTscOffset: Cell<number>;
  readonly userSetTsc: Cell<number>;
  /** The first write of this generation, which later ones repeat. */
  readonly curTscGeneration: Cell<number>;
  readonly curTscNsec: Cell<number>;
  readonly curTscWrite: Cell<number>;
  readonly curTscOffset: Cell<number>;
  /** vCPUs that have repeated it. */
  readonly nrVcpusMatchedTsc: Cell<number>;
  /** The master clock: written under tsc_write_lock inside pvclock_sc, read with the latter. */
  readonly pvclockSc: Cell<number>;
  readonly useMasterClock: Cell<number>;
  readonly masterKernelNs: Cell<number>;
  readonly masterCycleNow: Cell<number>;
}

export interface VcpuTsc extends View {
  vm: VmTsc | null;
  vcpu: Vcpu | null;
  khz: number;
  /** In the VMCS: what the hardware adds to the host's counter, plus BIAS. Under tsc_write_lock. */
  readonly tscOffset: Cell<number>;
  readonly thisTscGeneration: Cell<number>;
  /** What its guest computes time from: time at a value of its counter. Its own thread's. */
  systemTime: number;
  tscTimestamp: number;
}

export const VmTsc: StructType<VmTsc> = struct(
  'vm_tsc',
  {
    kvm: ptr((): StructType<Kvm> => Kvm),
    host: ptr((): StructType<HostClock> => HostClock),
    hostTscStable: u32Field,
    knowsUserSet: u32Field,
    vcpus: array(
      ptr((): StructType<VcpuTsc> => VcpuTsc),
      3,
    ),
    tscWriteLock: irqsOff(rawSpinlock),
    lastTscNsec: cell53,
    lastTscWrite: cell53,
    lastTscKhz: cell32,
    lastTscOffset: cell53,
    userSetTsc: cell32,
    curTscGeneration: cell32,
    curTscNsec: cell53,
    curTscWrite: cell53,
    curTscOffset: cell53,
    nrVcpusMatchedTsc: cell32,
    pvclockSc: cell32,
    useMasterClock: cell32,
    masterKernelNs: cell53,
    masterCycleNow: cell53,
  },
  { as: 'ka' },
);

export const VcpuTsc: StructType<VcpuTsc> = struct(
  'vcpu_tsc',
  {
    vm: ptr((): StructType<VmTsc> => VmTsc),
    vcpu: ptr((): StructType<Vcpu> => Vcpu),
    khz: u32Field,
    tscOffset: cell53,
    thisTscGeneration: cell32,
    systemTime: i32Field,
    tscTimestamp: u53Field,
  },
  { as: 'vcpu_arch' },
);

/** Offsets are stored with this added, because they may be negative and the words are not. */
export const BIAS = 1 << 20;
