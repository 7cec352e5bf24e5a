/**
 * A local APIC, small: priorities, interrupts requested and in service, end of interrupt. Its registers stand in one page,
 * which software reaches by emulation and the hardware as the vCPU's virtual-APIC page.
 *
 * 32 vectors in 8 classes of 4; real ones have 256 in 16 classes.
 */
import { type Cell, cell32, type StructType, struct, u32Field, type View } from '@faultline/machine';

/** @kernel struct kvm_lapic arch/x86/kvm/lapic.h */
export interface Lapic extends View {
  /** Whether this vCPU's hardware virtualizes the APIC. Its own thread writes it; senders of interrupts look without a lock. */
  readonly apicvActive: Cell<number>;
  /** The register page. Task priority and vectors in service belong to the vCPU's thread, or to its hardware while in the guest. */
  tpr: number;
  isr: number;
  /** Requested vectors: anybody may add one. */
  readonly irr: Cell<number>;
  /** 0: nothing is requested, so nobody need look. */
  readonly irrPending: Cell<number>;
  /** Vectors that the I/O APIC sends as level-triggered, and the ends of interrupt that it was told of. */
  levelVectors: number;
  ioapicEois: number;
  /** Posted-interrupt descriptor: vectors that senders left for the hardware, and whether there are any it has not been told of. */
  readonly pir: Cell<number>;
  readonly on: Cell<number>;
  /** Execution controls of the hardware, written outside the guest: whether it virtualizes the APIC, and (VMX) the host frame that it takes for it. */
  virtualizes: number;
  apicAccessAddr: number;
  /** Interrupts that the hardware has delivered without an exit: what a guest that only spins notices. */
  readonly delivered: Cell<number>;
  /** With config.countApicvRaces: see apicv-races.ts. */
  metEnabledVm: number;
  badSptesBeforeZap: number;
  badSptesAfterZap: number;
  gaveUpAfterZap: number;
}

export const Lapic: StructType<Lapic> = struct(
  'kvm_lapic',
  {
    apicvActive: cell32,
    tpr: u32Field,
    isr: u32Field,
    irr: cell32,
    irrPending: cell32,
    levelVectors: u32Field,
    ioapicEois: u32Field,
    pir: cell32,
    on: cell32,
    virtualizes: u32Field,
    apicAccessAddr: u32Field,
    delivered: cell32,
    metEnabledVm: u32Field,
    badSptesBeforeZap: u32Field,
    badSptesAfterZap: u32Field,
    gaveUpAfterZap: u32Field,
  },
  { as: 'apic' },
);

/** No frame. */
export const NO_APIC_ACCESS_ADDR = 0xffff_ffff;

/** With APICv on, as the hardware has it. @kernel kvm_create_lapic arch/x86/kvm/lapic.c */
export function createLapic(): Lapic {
  const apic = Lapic.alloc();
  apic.apicvActive.poke(1);
  apic.irrPending.poke(1);
  apic.virtualizes = 1;
  apic.apicAccessAddr = NO_APIC_ACCESS_ADDR;
  return apic;
}
