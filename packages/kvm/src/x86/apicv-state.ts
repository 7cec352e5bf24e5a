/** APIC virtualization, the VM's part: why it is off, if it is, and the lock under which that changes. */
import {
  type Cell,
  cell32,
  guardedBy,
  kernelName,
  type RwLock,
  rwSemaphore,
  type StructType,
  struct,
  u32Field,
  type View,
} from '@faultline/machine';

/** Whose hardware it is. AMD's recognises the APIC by its guest address, Intel's by the host frame that the entry names. */
export const ApicvVendor = { NONE: 0, SVM: 1, VMX: 2 } as const;

/** Whose APICv state a fault on the APIC's frame goes by. */
export const ApicvFaultBy = { VM: 0, VCPU: 1, VCPU_UNLESS_ASKED: 2 } as const;

/** Why APICv is off, a bit each. @kernel enum kvm_apicv_inhibit arch/x86/include/asm/kvm_host.h */
export const ApicvInhibit = {
  DISABLE: 0,
  HYPERV: 1,
  ABSENT: 2,
  BLOCKIRQ: 3,
  APIC_ID_MODIFIED: 4,
  APIC_BASE_MODIFIED: 5,
  NESTED: 6,
  IRQWIN: 7,
  PIT_REINJ: 8,
  SEV: 9,
} as const;

/** What of it concerns the hardware of each vendor. @kernel check_apicv_inhibit_reasons arch/x86/include/asm/kvm-x86-ops.h */
export const INHIBITS_OF: Readonly<Record<number, number>> = {
  [ApicvVendor.SVM]: 0x3ff,
  [ApicvVendor.VMX]: 0x03f,
};

/** @kernel struct kvm_arch arch/x86/include/asm/kvm_host.h */
export interface KvmArch extends View {
  /** Held for write while the reasons change, and for read while a vCPU does as they say. Never across a grace period of kvm->srcu: vCPUs wait for it inside their read sections. */
  readonly apicvUpdateLock: RwLock;
  /** 0: APICv is activated. Written under apicv_update_lock, read by faults without it. */
  readonly apicvInhibitReasons: Cell<number>;
  apicAccessMemslotEnabled: number;
}

export const KvmArch: StructType<KvmArch> = struct(
  'kvm_arch',
  {
    apicvUpdateLock: kernelName('arch.apicv_update_lock', rwSemaphore),
    apicvInhibitReasons: kernelName('arch.apicv_inhibit_reasons', cell32),
    apicAccessMemslotEnabled: kernelName(
      'arch.apic_access_memslot_enabled',
      guardedBy(u32Field, 'kvm->slots_lock'),
    ),
  },
  { as: 'kvm' },
);
