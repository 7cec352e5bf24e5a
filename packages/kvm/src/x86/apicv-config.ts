/** What a VM with APICv is configured to be. */
import type { Gfn } from '../types.ts';
import type { KvmConfig } from '../virt/kvm-config.ts';
import { ApicvFaultBy, ApicvVendor, KvmArch } from './apicv-state.ts';

export interface ApicvOptions {
  readonly vendor: 'svm' | 'vmx';
  /**
   * Whose APICv state a fault on the APIC's frame goes by: the VM's, as in every kernel; the vCPU's, as seed 001 has it;
   * or the vCPU's unless it has been asked to look whether that is still right.
   */
  readonly faultGoesBy?: keyof typeof FAULT_BY;
  /** When vCPUs are told that the APIC-access page moves: as the invalidation begins, or (6.1) when the host has let go of it. */
  readonly reload?: 'range_start' | 'invalidate_range';
  /** Faults count what they met of updates in progress, which costs a read each. */
  readonly countRaces?: boolean;
}

const FAULT_BY = {
  VM: ApicvFaultBy.VM,
  vCPU: ApicvFaultBy.VCPU,
  'vCPU unless asked': ApicvFaultBy.VCPU_UNLESS_ASKED,
} as const;

/** Page frame of the xAPIC. @kernel APIC_DEFAULT_PHYS_BASE arch/x86/include/asm/apicdef.h */
const APIC_DEFAULT_GFN = 0xfee00;

/** Throws a RangeError for a VM whose vCPUs would never look at their requests. */
export function apicvConfig(config: KvmConfig, options: ApicvOptions): void {
  if (config.tdpMmu === 0 || (config.remoteFlush === 0 && config.vcpuEntry === 0)) {
    throw new RangeError("APICv needs the TDP MMU with 'remoteFlush' or 'vcpuEntry' real");
  }
  config.apicv = options.vendor === 'svm' ? ApicvVendor.SVM : ApicvVendor.VMX;
  config.apicGfn = Math.min(APIC_DEFAULT_GFN, config.maxGfn - 1) as Gfn;
  config.apicvFaultBy = FAULT_BY[options.faultGoesBy ?? 'VM'];
  config.apicReloadByHook = options.reload === 'invalidate_range' ? 1 : 0;
  config.countApicvRaces = options.countRaces === true ? 1 : 0;
}

export function allocArch(): KvmArch {
  return KvmArch.alloc();
}
